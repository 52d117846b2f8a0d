//! Page Groups → Add.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::Extension as Number;
use model::directory::Urgency;
use model::inventory::{DisplayName, GroupId, GroupMember, HolderId, PageGroup, Pagers};
use store::{GroupError, NumberTaken, Scope};

use super::form::{Choice, Control, Field, FormPage, SAVE};
use super::gate::{Posted, Visitor};
use super::group::{pagers_text, urgency_text};
use super::layout::{Frame, PAGE_GROUPS};
use super::pin_choice::{self, PinWish};
use super::problem::Problem;
use super::{Site, chance};

const EVERYBODY: &str = "everybody";
const NAMED: &str = "named";
const PORTAL: &str = "portal";
const NORMAL: &str = "normal";
const PRIORITY: &str = "priority";

pub(super) struct Fields([Field; 6]);

impl Fields {
    /// What stands there.
    pub(super) fn of(group: &PageGroup, has_pin: bool) -> Self {
        let Self([name, extension, pagers, urgency, pin_use, pin]) = Self::new(has_pin);
        Self([
            name.filled(group.name.as_str()),
            extension.filled(group.extension.as_str()),
            pagers.filled(match group.pagers {
                Pagers::Everybody => EVERYBODY,
                Pagers::Named(_) => NAMED,
                Pagers::Portal => PORTAL,
            }),
            urgency.filled(match group.urgency {
                Urgency::Normal => NORMAL,
                Urgency::Priority => PRIORITY,
            }),
            pin_use,
            pin,
        ])
    }

    pub(super) fn typed(posted: &Posted, has_pin: bool) -> Self {
        Self(Self::new(has_pin).0.map(|field| field.typed(posted)))
    }

    /// Marks what the store has refused; other failures are problems.
    pub(super) fn refuse(&mut self, error: GroupError) -> Result<(), Problem> {
        let [name, extension, pagers, ..] = &mut self.0;
        match error {
            GroupError::Number(NumberTaken::Store(error)) => return Err(error.into()),
            GroupError::Number(error @ NumberTaken::By { .. }) => extension.refuse(&error),
            GroupError::TooMany | GroupError::TooManyMembers => name.refuse(&error),
            GroupError::TooManyPagers => pagers.refuse(&error),
        }
        Ok(())
    }

    /// The form for one that is there.
    pub(super) fn edit_page(self, by: &Visitor, group: &PageGroup) -> FormPage {
        let path = format!("{PAGE_GROUPS}/{}", group.id);
        FormPage {
            frame: Frame::new(by, format!("Change {}", group.name), PAGE_GROUPS),
            action: format!("{path}/edit"),
            back: path.clone(),
            removal: Some(format!("{path}/remove")),
            ..self.page(by)
        }
    }

    fn new(has_pin: bool) -> Self {
        let [pin_use, pin] = pin_choice::fields(has_pin);
        let pagers = [
            (EVERYBODY, Pagers::Everybody),
            (NAMED, Pagers::Named(Vec::new())),
            (PORTAL, Pagers::Portal),
        ];
        let urgencies = [(NORMAL, Urgency::Normal), (PRIORITY, Urgency::Priority)];
        Self([
            Field::new(
                "name",
                "Display Name",
                "What people call it, 3 characters at least.",
                Control::Text(&[]),
            ),
            Field::new(
                "extension",
                "Extension Number",
                "What people dial to page all members: up to 16 digits or asterisks (*).",
                Control::Text(&[]),
            ),
            Field::new(
                "pagers",
                "Who May Page",
                "Those who are named are chosen on the group's page. Whoever may talk from the portal may page every group.",
                Control::Select(
                    pagers
                        .map(|(value, pagers)| Choice::new(value, pagers_text(&pagers)))
                        .into(),
                ),
            ),
            Field::new(
                "urgency",
                "Rank",
                "If a loudspeaker is already playing: a priority page ends an ordinary one.",
                Control::Select(
                    urgencies
                        .map(|(value, urgency)| Choice::new(value, urgency_text(urgency)))
                        .into(),
                ),
            ),
            pin_use,
            pin,
        ])
    }

    fn page(mut self, by: &Visitor) -> FormPage {
        let [.., pin] = &mut self.0;
        pin_choice::forget(pin);
        FormPage {
            frame: Frame::new(by, "Add a page group", PAGE_GROUPS),
            introduction: "A page group is one number that pages every member at once. Members are chosen once it is there.",
            action: "/page-groups/add".to_owned(),
            back: PAGE_GROUPS.to_owned(),
            hidden: Vec::new(),
            fields: self.0.into(),
            button: SAVE,
            removal: None,
        }
    }

    /// Makes the group that was typed, of what the form does not ask for besides, and says what is to become of its PIN; or marks what
    /// is wrong.
    pub(super) fn group(
        &mut self,
        id: GroupId,
        members: Vec<GroupMember>,
        named: Vec<HolderId>,
    ) -> Option<(PageGroup, PinWish)> {
        let [name, extension, pagers, urgency, pin_use, pin] = &mut self.0;
        let wish = pin_choice::wish([pin_use, pin]);
        let parsed_name = name.take(DisplayName::new(&name.value));
        let parsed_extension = extension.take(extension.value.trim().parse::<Number>());
        let parsed_pagers = match pagers.value.as_str() {
            EVERYBODY => Some(Pagers::Everybody),
            NAMED => Some(Pagers::Named(named)),
            PORTAL => Some(Pagers::Portal),
            _ => {
                pagers.refuse("choose who may page it");
                None
            }
        };
        let parsed_urgency = match urgency.value.as_str() {
            NORMAL => Some(Urgency::Normal),
            PRIORITY => Some(Urgency::Priority),
            _ => {
                urgency.refuse("choose how its pages rank");
                None
            }
        };
        let group = PageGroup {
            id,
            name: parsed_name?,
            extension: parsed_extension?,
            pagers: parsed_pagers?,
            urgency: parsed_urgency?,
            members,
        };
        Some((group, wish?))
    }
}

pub(super) async fn show(Extension(by): Extension<Visitor>) -> Result<Response, Problem> {
    let Fields([name, extension, pagers, urgency, pin_use, pin]) = Fields::new(false);
    let (pagers, urgency) = (pagers.filled(EVERYBODY), urgency.filled(NORMAL));
    let fields = Fields([name, extension, pagers, urgency, pin_use, pin]);
    Ok(fields.page(&by).answer())
}

pub(super) async fn add(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let mut fields = Fields::typed(&posted, false);
    let id = GroupId::from_random(chance::bits()?);
    let Some((group, wish)) = fields.group(id, Vec::new(), Vec::new()) else {
        return Ok(fields.page(by).answer());
    };
    if let Err(error) = scope.add_group(&group).await {
        fields.refuse(error)?;
        return Ok(fields.page(by).answer());
    }
    let pin = put_pin(&mut scope, &group.id, wish).await?;
    let detail = format!("{} ({}){pin}", group.name, group.extension);
    by.note(&mut writing, "add page group", detail).await?;
    writing.commit().await?;
    let path = format!("{PAGE_GROUPS}/{}/members", group.id);
    Ok(Redirect::to(&path).into_response())
}

/// Does with the PIN of a group what was wished for; the audit is told what that has changed, and no digit.
pub(super) async fn put_pin(
    scope: &mut Scope<'_, '_>,
    id: &GroupId,
    wish: PinWish,
) -> Result<String, Problem> {
    let change = match wish {
        PinWish::Keep => None,
        PinWish::Remove => scope.set_group_pin(id, None).await?,
        PinWish::Set(pin) => scope.set_group_pin(id, Some(&pin)).await?,
    };
    Ok(change.map_or_else(String::new, |change| format!("; PIN {change}")))
}
