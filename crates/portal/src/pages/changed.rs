//! What a change has changed, for the audit.

/// What is different between before and after, each under the label of its field.
pub(super) fn changed(what: &str, fields: &[(&str, String, String)]) -> String {
    let different = fields.iter().filter(|(_, before, after)| before != after);
    let told: Vec<String> = different
        .map(|(label, before, after)| format!("{label} {before:?} → {after:?}"))
        .collect();
    if told.is_empty() {
        format!("{what}: nothing")
    } else {
        format!("{what}: {}", told.join(", "))
    }
}

/// Names that the audit is told of one change.
const NAMES_TOLD: usize = 20;

/// The first names, and how many more there are.
pub(super) fn first_names(names: impl IntoIterator<Item = String>) -> String {
    let mut names = names.into_iter();
    let first: Vec<String> = names.by_ref().take(NAMES_TOLD).collect();
    let told = first.join(", ");
    match names.count() {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audit_is_told_the_first_names_and_how_many_more_there_are() {
        let names = |count: usize| (0..count).map(|number| number.to_string());
        assert!(first_names(names(NAMES_TOLD)).ends_with(", 19"));
        assert!(first_names(names(NAMES_TOLD + 1)).ends_with(", 19 and 1 more"));
    }

    #[test]
    fn fields_that_stay_are_not_told() {
        let fields = [
            ("Display Name", "Hall".to_owned(), "Gate".to_owned()),
            ("Extension Number", "701".to_owned(), "701".to_owned()),
        ];
        assert_eq!(changed("Hall", &fields), "Hall: Display Name \"Hall\" → \"Gate\"");
        assert_eq!(changed("Hall", &fields[1..]), "Hall: nothing");
    }
}
