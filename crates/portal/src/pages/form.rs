//! Forms: fields that keep what was typed, each with what would be right where it is wrong.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::gate::Posted;
use super::layout::{self, Frame};

/// A field.
pub(super) struct Field {
    /// What it is called where it is sent; also its id on the page.
    pub(super) name: String,
    pub(super) label: String,
    pub(super) help: &'static str,
    pub(super) value: String,
    pub(super) error: Option<String>,
    pub(super) control: Control,
    /// A heading before it.
    pub(super) heading: Option<String>,
}

/// How a field is filled in.
pub(super) enum Control {
    /// A line of text, with values to choose from where there are some.
    Text(&'static [(&'static str, &'static str)]),
    /// Text of many lines.
    LongText,
    /// What stands there and cannot be changed here.
    Fixed,
    /// A password, which is not shown again.
    Password,
    /// Digits that are keyed in on a telephone, which are not shown again.
    Pin,
    /// A whole number from 1.
    Number(u8),
    /// One of several.
    Select(Vec<Choice>),
    /// Any of several.
    Boxes(Vec<Choice>),
}

/// What can be chosen.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) is_chosen: bool,
}

impl Choice {
    pub(super) fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            label: label.into(),
            is_chosen: false,
        }
    }
}

impl Field {
    /// A field that nobody has filled in.
    pub(super) fn new(
        name: impl Into<String>,
        label: impl Into<String>,
        help: &'static str,
        control: Control,
    ) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            help,
            value: String::new(),
            error: None,
            control,
            heading: None,
        }
    }

    /// The field under a heading.
    pub(super) fn headed(mut self, heading: String) -> Self {
        self.heading = Some(heading);
        self
    }

    /// The field with a value.
    pub(super) fn filled(mut self, value: &str) -> Self {
        if let Control::Select(choices) = &mut self.control {
            for choice in choices {
                choice.is_chosen = choice.value == value;
            }
        }
        value.clone_into(&mut self.value);
        self
    }

    /// The field with these boxes ticked.
    pub(super) fn ticked(mut self, values: &[&str]) -> Self {
        if let Control::Boxes(choices) = &mut self.control {
            for choice in choices {
                choice.is_chosen = values.contains(&choice.value.as_str());
            }
        }
        self
    }

    /// The field as it was sent.
    pub(super) fn typed(mut self, posted: &Posted) -> Self {
        if let Control::Boxes(choices) = &mut self.control {
            for choice in choices {
                choice.is_chosen = posted.values(&self.name).any(|value| value == choice.value);
            }
        }
        let value = posted.value(&self.name).to_owned();
        self.filled(&value)
    }

    /// Marks the field; of several errors the first stays.
    pub(super) fn refuse(&mut self, error: &(impl ToString + ?Sized)) {
        self.error.get_or_insert_with(|| worded(error.to_string()));
    }

    /// Takes what was made of the field, or marks it.
    pub(super) fn take<T, E: ToString>(&mut self, made: Result<T, E>) -> Option<T> {
        made.map_err(|error| self.refuse(&error)).ok()
    }
}

/// What is said of a field: a field that nobody has filled in is called empty, and not quoted.
fn worded(error: String) -> String {
    let right = error
        .strip_prefix("\"\" is ")
        .and_then(|rest| rest.split_once(": "));
    match right {
        Some((_, right)) => format!("it is empty: {right}"),
        None => error,
    }
}

/// A page with a form.
#[derive(Template)]
#[template(path = "form.html")]
pub(super) struct FormPage {
    pub(super) frame: Frame,
    /// What is to be known before it is filled in.
    pub(super) introduction: &'static str,
    /// Where it is sent.
    pub(super) action: String,
    /// Where whoever gives up goes.
    pub(super) back: String,
    /// Names and values that are sent unseen.
    pub(super) hidden: Vec<(&'static str, String)>,
    pub(super) fields: Vec<Field>,
    /// What its button says.
    pub(super) button: &'static str,
    /// Where it is removed, if it is there already.
    pub(super) removal: Option<String>,
}

/// What the button of a form says that keeps what was typed.
pub(super) const SAVE: &str = "Save";

impl FormPage {
    /// The fields that are marked, each with why.
    fn refused(&self) -> Vec<(&Field, &str)> {
        let fields = self.fields.iter();
        let refused = fields.filter_map(|field| Some((field, field.error.as_deref()?)));
        refused.collect()
    }

    /// Shows the form; one with marked fields as refused.
    pub(super) fn answer(&self) -> Response {
        let status = if self.refused().is_empty() {
            StatusCode::OK
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        layout::page(status, self)
    }
}

#[cfg(test)]
mod tests {
    use model::Extension;

    use super::*;

    #[test]
    fn an_empty_field_is_called_empty_and_what_was_typed_is_quoted() {
        for (typed, said) in [("", "it is empty: 1 to 16"), ("7x", "\"7x\" is not an extension")] {
            let mut field = Field::new("extension", "Extension", "", Control::Text(&[]));
            assert!(field.take(typed.parse::<Extension>()).is_none());
            let error = field.error.unwrap();
            assert!(error.starts_with(said), "{error}");
        }
    }
}
