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

#[cfg(test)]
mod tests {
    use super::*;

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
