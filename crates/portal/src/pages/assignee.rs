//! Whom a device is for, of as many as there are: a list to choose from where they are few, otherwise a text that is searched.

use model::inventory::{Holder, HolderId, HolderKind};
use store::{HolderFilter, Scope, StoreError};

use super::form::{Choice, Control, Field};

/// Users and common areas that are offered to choose from.
const OFFERED_MAX: u32 = 50;

/// What is to be typed where there are more.
const SEARCHED: &str = "Optional: the extension, or a part of the name, of the user or common area. It gets page slot 1, or line 1 of a \
                        generic device. Further extensions are assigned on the page of the device.";
const CHOSEN: &str = "It gets page slot 1, or line 1 of a generic device. Further extensions are assigned on the page of the device.";

/// The field.
pub(super) async fn field(
    scope: &mut Scope<'_, '_>,
    name: &'static str,
    label: &'static str,
) -> Result<Field, StoreError> {
    let all = scope
        .list_holders(&HolderFilter::default(), None, OFFERED_MAX)
        .await?;
    if all.next.is_some() {
        return Ok(Field::new(name, label, SEARCHED, Control::Text(&[])));
    }
    let holders = all.rows.iter().map(|row| &row.holder);
    Ok(Field::new(name, label, CHOSEN, Control::Select(choices(holders))))
}

/// Finds who was chosen or typed: nobody where the field is empty, and none where it is marked.
pub(super) async fn find(
    scope: &mut Scope<'_, '_>,
    field: &mut Field,
) -> Result<Option<Option<Holder>>, StoreError> {
    let text = field.value.trim().to_owned();
    if text.is_empty() {
        return Ok(Some(None));
    }
    if let Ok(id) = text.parse::<HolderId>()
        && let Some(holder) = scope.holder(&id).await?
    {
        offer(field, [&holder], &holder);
        return Ok(Some(Some(holder)));
    }
    if matches!(field.control, Control::Select(_)) {
        field.refuse("it has been removed; choose another");
        return Ok(None);
    }
    let filter = HolderFilter {
        text: text.clone(),
        ..HolderFilter::default()
    };
    let found = scope.list_holders(&filter, None, OFFERED_MAX).await?;
    let exact = found
        .rows
        .iter()
        .find(|row| row.holder.extension.as_str() == text);
    let only = match &found.rows[..] {
        [only] => Some(only),
        _ => exact,
    };
    if let Some(only) = only {
        return Ok(Some(Some(only.holder.clone())));
    }
    let Some(first) = found.rows.first() else {
        field.refuse(&format!(
            "nobody is found by {text:?}; type an extension, or a part of a name"
        ));
        return Ok(None);
    };
    if found.next.is_some() {
        field.refuse(&format!(
            "more than {OFFERED_MAX} are found; type more of the name"
        ));
        return Ok(None);
    }
    offer(field, found.rows.iter().map(|row| &row.holder), &first.holder);
    field.refuse("several are found; choose one of them");
    Ok(None)
}

/// Offers those that were found in place of the text.
fn offer<'h>(field: &mut Field, holders: impl IntoIterator<Item = &'h Holder>, first: &Holder) {
    if let Control::Text(_) = field.control {
        let mut choices = choices(holders);
        for choice in &mut choices {
            choice.is_chosen = choice.value == first.id.as_str();
        }
        field.control = Control::Select(choices);
    }
}

fn choices<'h>(holders: impl IntoIterator<Item = &'h Holder>) -> Vec<Choice> {
    let choice = |holder: &Holder| {
        let kind = match holder.kind {
            HolderKind::User => "User",
            HolderKind::CommonArea => "Common area",
        };
        Choice::new(
            holder.id.as_str(),
            format!("{kind}: {} ({})", holder.name, holder.extension),
        )
    };
    let nobody = Choice::new("", "Nobody yet");
    std::iter::once(nobody)
        .chain(holders.into_iter().map(choice))
        .collect()
}
