//! What somebody at the pages lets the device play: a test, and alerts.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use device::sentence;
use endpoint::tones::{BuiltinTone, ToneSource};
use endpoint::{Rounds, SoundOrder, ToneClass};
use model::config::Settings;

use super::layout;
use super::signed_in::Posted;
use crate::site::Site;

/// Announcements that a device has.
const ANNOUNCEMENTS: std::ops::RangeInclusive<u8> = 1..=10;

/// An announcement that can be started.
pub(super) struct Announcement {
    pub(super) number: u8,
    /// Its number, file and extension.
    pub(super) label: String,
}

/// The announcements that somebody has set up, or the first where nobody has.
pub(super) fn announcements(settings: &Settings) -> Vec<Announcement> {
    let is_set_up = |number: &u8| {
        ["ann.ext", "ann.tone"]
            .iter()
            .any(|stem| settings.effective().value(&format!("{stem}{number}")).is_some())
    };
    let mut numbers: Vec<u8> = ANNOUNCEMENTS.filter(is_set_up).collect();
    if numbers.is_empty() {
        numbers.push(1);
    }
    numbers
        .into_iter()
        .map(|number| {
            let tone = settings.value(&format!("ann.tone{number}"));
            let extension = settings.value(&format!("ann.ext{number}"));
            let extension = if extension.is_empty() {
                String::new()
            } else {
                format!(", extension {extension}")
            };
            Announcement {
                number,
                label: format!("{number}: {}{extension}", spoken(tone)),
            }
        })
        .collect()
}

/// What an announcement plays, in words.
fn spoken(tone: &str) -> &str {
    match tone {
        "Default" => "evacuation signal",
        "None" => "no sound",
        file => file,
    }
}

pub(super) async fn test(State(site): State<Site>, _posted: Posted) -> Response {
    let order = SoundOrder::StartTone {
        tone: ToneSource::Builtin(BuiltinTone::PageNotification),
        rounds: Rounds::Times(1),
        class: ToneClass::Page,
        zone: None,
    };
    answer(&site, order).await
}

pub(super) async fn stop(State(site): State<Site>, _posted: Posted) -> Response {
    if let Err(error) = site.appliance().order(SoundOrder::StopAlerts).await {
        return layout::failure(StatusCode::CONFLICT, &sentence(&error));
    }
    answer(&site, SoundOrder::StopTone { name: None }).await
}

/// Starts an announcement: as an exercise, unless it was said in so many words that it is none.
pub(super) async fn alert(State(site): State<Site>, posted: Posted) -> Response {
    let Ok(number) = posted.value("number").parse() else {
        return layout::missing().await;
    };
    let is_drill = posted.value("kind") != "live";
    if !is_drill && posted.value("confirmed") != "1" {
        let text = "Nothing was started: a real alert has to be confirmed. Go back, confirm that it is no exercise, and start it again.";
        return layout::failure(StatusCode::UNPROCESSABLE_ENTITY, text);
    }
    let answer = answer(&site, SoundOrder::StartAnnouncement { number, is_drill }).await;
    if answer.status().is_redirection() {
        tracing::warn!(number, is_drill, "an alert was started at the web pages");
    }
    answer
}

async fn answer(site: &Site, order: SoundOrder) -> Response {
    match site.appliance().order(order).await {
        Ok(()) => Redirect::to("/status").into_response(),
        Err(error) => layout::failure(StatusCode::CONFLICT, &sentence(&error)),
    }
}

#[cfg(test)]
mod tests {
    use model::config::Document;

    use super::*;

    fn labels(text: &str) -> Vec<String> {
        let settings = Settings::new(Document::default(), Document::parse(text).unwrap()).unwrap();
        announcements(&settings)
            .into_iter()
            .map(|one| one.label)
            .collect()
    }

    #[test]
    fn the_announcements_that_are_set_up_can_be_started_and_the_first_of_a_new_device() {
        assert_eq!(labels(""), ["1: evacuation signal"]);
        assert_eq!(
            labels("sip.proxy = a\nann.ext2 = 7010\nann.tone5 = tornado.wav\nann.tone6 = None\n"),
            [
                "2: evacuation signal, extension 7010",
                "5: tornado.wav",
                "6: no sound"
            ]
        );
    }
}
