//! The PIN of a page group in its form: whether there is one, and its digits, which are never shown.

use model::Secret;
use model::directory::{PIN_DIGITS, is_pin};

use super::form::{Choice, Control, Field};

/// There was none when the form was opened, and nobody has touched the choice: one that was set meanwhile stays.
const UNASKED: &str = "unasked";
/// There was one when the form was opened, and nobody has touched the choice.
const KEPT: &str = "kept";
/// There was none, and one is asked for.
const ASKED: &str = "asked";
/// There was one, and none is wanted.
const NONE: &str = "none";

/// What is to become of a PIN.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PinWish {
    /// It stays as it is.
    Keep,
    /// There is to be none.
    Remove,
    /// It is to be this one.
    Set(Secret),
}

/// The two fields. `has_pin` says whether there is one. The first choice is that of a form that nobody touches, and means to keep
/// what there is when it is sent.
pub(super) fn fields(has_pin: bool) -> [Field; 2] {
    let (none, asked) = ("None", "Asked for before each page");
    let choices = if has_pin {
        [(KEPT, asked), (NONE, none)]
    } else {
        [(UNASKED, none), (ASKED, asked)]
    };
    let choices = choices.map(|(value, label)| Choice::new(value, label));
    [
        Field::new(
            "pin-use",
            "PIN",
            "Callers key it in after the prompt, then #. Talking from the portal and paging by the API need none.",
            Control::Select(choices.into()),
        )
        .filled(if has_pin { KEPT } else { UNASKED }),
        Field::new(
            "pin",
            "New PIN",
            if has_pin {
                "4 to 16 digits, which are not shown; left empty, they stay as they are."
            } else {
                "4 to 16 digits, if it is asked for. They are not shown again."
            },
            Control::Pin,
        ),
    ]
}

/// What was wished for, or what is wrong with it.
pub(super) fn wish([choice, digits]: [&mut Field; 2]) -> Option<PinWish> {
    let typed = digits.value.trim();
    match choice.value.as_str() {
        // A form without the two fields is about the rest.
        "" | UNASKED | KEPT if typed.is_empty() => Some(PinWish::Keep),
        NONE if typed.is_empty() => Some(PinWish::Remove),
        UNASKED | NONE => {
            choice.refuse("digits were typed: choose that they are asked for, or leave them out");
            None
        }
        ASKED | KEPT if is_pin(typed) => Some(PinWish::Set(Secret::from(typed))),
        ASKED | KEPT => {
            let (least, most) = (PIN_DIGITS.start(), PIN_DIGITS.end());
            digits.refuse(&format!("not a PIN: {least} to {most} digits would be right"));
            None
        }
        _ => {
            choice.refuse("choose whether a PIN is asked for");
            None
        }
    }
}

/// Of a form that is shown again: the digits are not in it, so whoever has typed some types them again.
pub(super) fn forget(digits: &mut Field) {
    if !digits.value.is_empty() {
        digits.refuse("it is not kept in the form: type it once more");
        digits.value.clear();
    }
}
