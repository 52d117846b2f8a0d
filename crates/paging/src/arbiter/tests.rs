//! Every kind of sound over every other, and what comes after.

use crate::{Arbiter, Class, Effect, Order, OrderError, Rank, Refusal, SOUNDS_MAX, SoundId};

const FIRST: SoundId = SoundId(1);
const SECOND: SoundId = SoundId(2);

/// What becomes of a first sound (rows) when a second is requested (columns).
///
/// `stop`, `wait` and `duck`: the first does so and the second starts. `REFUSED`, `WAITS` and `DUCKED`: the second is,
/// and the first goes on.
const TABLE: &str = "
                 alert   priority  page     call     ring   bell     music
alert            wait    REFUSED   REFUSED  REFUSED  WAITS  REFUSED  WAITS
priority         stop    REFUSED   REFUSED  REFUSED  WAITS  REFUSED  WAITS
page             stop    stop      REFUSED  REFUSED  WAITS  REFUSED  WAITS
call             wait    wait      wait     REFUSED  WAITS  REFUSED  WAITS
ring             wait    wait      wait     wait     WAITS  REFUSED  DUCKED
bell             stop    stop      stop     stop     stop   REFUSED  DUCKED
music            wait    wait      wait     wait     duck   duck     stop
";

#[test]
fn every_kind_over_every_other_does_what_the_table_says() {
    let rows = TABLE.lines().skip(2);
    assert_eq!(rows.clone().count(), Class::ALL.len());
    for (row, first) in rows.zip(Class::ALL) {
        let cells: Vec<_> = row.split_whitespace().skip(1).collect();
        assert_eq!(cells.len(), Class::ALL.len());
        for (cell, second) in cells.into_iter().zip(Class::ALL) {
            assert_eq!(outcome(first, second), cell, "{second} over {first}");
        }
    }
}

#[test]
fn what_waited_or_ducked_goes_on_when_the_more_important_sound_ends() {
    for first in Class::ALL {
        for second in Class::ALL {
            let mut arbiter = Arbiter::default();
            arbiter.request(FIRST, first);
            let outcome = outcome(first, second);
            arbiter.request(SECOND, second);

            let after = arbiter.release(SECOND);

            let expected: &[Effect] = match outcome {
                "wait" | "duck" => &[Effect::Resume(FIRST)],
                _ => &[],
            };
            assert_eq!(after, expected, "after {second} over {first}");
        }
    }
}

#[test]
fn what_had_to_wait_starts_when_the_first_sound_ends() {
    for first in Class::ALL {
        for second in Class::ALL {
            let mut arbiter = Arbiter::default();
            arbiter.request(FIRST, first);
            let outcome = outcome(first, second);
            arbiter.request(SECOND, second);

            let after = arbiter.release(FIRST);

            let expected: &[Effect] = match outcome {
                "WAITS" => &[Effect::Start(SECOND)],
                "DUCKED" => &[Effect::Resume(SECOND)],
                _ => &[],
            };
            assert_eq!(after, expected, "{second} after {first}");
        }
    }
}

#[test]
fn a_sound_of_a_greater_rank_ends_a_lesser_one_of_a_class_that_refuses_its_like() {
    const RANKS: [Rank; 3] = [Rank::Zone, Rank::AllCall, Rank::Own];
    for class in Class::ALL {
        for first in RANKS {
            for second in RANKS {
                let mut arbiter = Arbiter::default();
                arbiter.request_ranked(FIRST, class, first);

                let effects = arbiter.request_ranked(SECOND, class, second);

                let expected = match outcome(class, class) {
                    "REFUSED" if second > first => vec![
                        Effect::Stop {
                            sound: FIRST,
                            by: class,
                        },
                        Effect::Start(SECOND),
                    ],
                    _ => {
                        let mut unranked = Arbiter::default();
                        unranked.request(FIRST, class);
                        unranked.request(SECOND, class)
                    }
                };
                assert_eq!(effects, expected, "{class}: {second:?} over {first:?}");
            }
        }
    }
}

#[test]
fn a_rank_lifts_nothing_above_a_more_important_class() {
    let mut arbiter = Arbiter::default();
    arbiter.request_ranked(FIRST, Class::PriorityPage, Rank::Zone);

    let [Effect::Refuse { .. }] = arbiter.request_ranked(SECOND, Class::Page, Rank::Own)[..] else {
        panic!("a page under a priority page is refused");
    };
}

#[test]
fn the_loudspeaker_is_free_for_what_is_more_important_than_all_that_is_wanted() {
    for wanted in Class::ALL {
        for class in Class::ALL {
            let mut arbiter = Arbiter::default();
            assert!(arbiter.is_free_for(class));
            arbiter.request(FIRST, wanted);

            let order = Order::default();
            assert_eq!(
                arbiter.is_free_for(class),
                order.place(class) < order.place(wanted)
            );
        }
    }
}

#[test]
fn a_ring_that_ends_while_it_waits_is_not_resumed() {
    let mut arbiter = Arbiter::default();
    arbiter.request(FIRST, Class::Ring);
    arbiter.request(SECOND, Class::Page);

    assert_eq!(arbiter.release(FIRST), []);
    assert_eq!(arbiter.release(SECOND), []);
    assert_eq!(arbiter.sounding(), None);
}

#[test]
fn levels_are_worked_out_anew_through_a_stack_of_sounds() {
    let (music, ring, page, alert) = (SoundId(1), SoundId(2), SoundId(3), SoundId(4));
    let mut arbiter = Arbiter::default();

    assert_eq!(
        arbiter.request(music, Class::BackgroundMusic),
        [Effect::Start(music)]
    );
    assert_eq!(
        arbiter.request(ring, Class::Ring),
        [Effect::Duck(music), Effect::Start(ring)]
    );
    assert_eq!(
        arbiter.request(page, Class::Page),
        [Effect::Suspend(music), Effect::Suspend(ring), Effect::Start(page)]
    );
    assert_eq!(
        arbiter.request(alert, Class::EmergencyAlert),
        [
            Effect::Stop {
                sound: page,
                by: Class::EmergencyAlert
            },
            Effect::Start(alert)
        ]
    );
    assert_eq!(
        arbiter.release(alert),
        [Effect::Duck(music), Effect::Resume(ring)]
    );
    assert_eq!(arbiter.release(ring), [Effect::Resume(music)]);
}

#[test]
fn a_later_alert_is_heard_and_the_earlier_goes_on_after_it() {
    let mut arbiter = Arbiter::default();
    arbiter.request(FIRST, Class::EmergencyAlert);

    assert_eq!(
        arbiter.request(SECOND, Class::EmergencyAlert),
        [Effect::Suspend(FIRST), Effect::Start(SECOND)]
    );
    assert_eq!(arbiter.release(SECOND), [Effect::Resume(FIRST)]);
}

#[test]
fn other_music_replaces_music_even_while_both_would_be_ducked() {
    let ring = SoundId(3);
    let mut arbiter = Arbiter::default();
    arbiter.request(ring, Class::Ring);
    arbiter.request(FIRST, Class::BackgroundMusic);

    let effects = arbiter.request(SECOND, Class::BackgroundMusic);

    let stop = Effect::Stop {
        sound: FIRST,
        by: Class::BackgroundMusic,
    };
    assert_eq!(effects, [stop, Effect::Start(SECOND), Effect::Duck(SECOND)]);
}

#[test]
fn a_refused_caller_is_told_what_is_in_progress() {
    let mut arbiter = Arbiter::default();
    arbiter.request(FIRST, Class::EmergencyAlert);

    let [Effect::Refuse { refusal, .. }] = arbiter.request(SECOND, Class::Page)[..] else {
        panic!("a page under an alert is refused");
    };

    assert_eq!(refusal.status(), 486);
    assert_eq!(refusal.to_string(), "emergency alert in progress");
}

#[test]
fn a_sound_requested_twice_is_refused_and_the_first_goes_on() {
    let mut arbiter = Arbiter::default();
    arbiter.request(FIRST, Class::Page);

    let effects = arbiter.request(FIRST, Class::EmergencyAlert);

    assert_eq!(
        effects,
        [Effect::Refuse {
            sound: FIRST,
            refusal: Refusal::Duplicate
        }]
    );
    assert_eq!(arbiter.sounding(), Some((FIRST, Class::Page)));
}

#[test]
fn the_number_of_sounds_is_limited_but_an_alert_always_finds_room() {
    let mut arbiter = Arbiter::default();
    for number in 0..SOUNDS_MAX as u64 {
        let effects = arbiter.request(SoundId(number), Class::Ring);
        assert!(
            !effects
                .iter()
                .any(|effect| matches!(effect, Effect::Refuse { .. })),
            "ring {number}"
        );
    }
    let (one_more, alert) = (SoundId(1000), SoundId(1001));

    let refused = arbiter.request(one_more, Class::Ring);
    let alerted = arbiter.request(alert, Class::EmergencyAlert);

    assert_eq!(
        refused,
        [Effect::Refuse {
            sound: one_more,
            refusal: Refusal::TooMany
        }]
    );
    let newest = SoundId(SOUNDS_MAX as u64 - 1);
    assert_eq!(
        alerted.first(),
        Some(&Effect::Stop {
            sound: newest,
            by: Class::EmergencyAlert
        })
    );
    assert_eq!(arbiter.sounding(), Some((alert, Class::EmergencyAlert)));
}

#[test]
fn an_installation_may_have_another_order() {
    let mut classes = Class::ALL;
    classes.swap(2, 3);
    let mut arbiter = Arbiter::new(Order::new(classes).unwrap());
    arbiter.request(FIRST, Class::TwoWayCall);

    let effects = arbiter.request(SECOND, Class::Page);

    let refusal = Refusal::Busy {
        by: Class::TwoWayCall,
    };
    assert_eq!(
        effects,
        [Effect::Refuse {
            sound: SECOND,
            refusal
        }]
    );
}

#[test]
fn another_order_changes_what_is_heard_meanwhile() {
    let mut arbiter = Arbiter::default();
    arbiter.request(FIRST, Class::TwoWayCall);
    arbiter.request(SECOND, Class::Ring);
    let mut classes = Class::ALL;
    classes.swap(3, 4);

    let effects = arbiter.set_order(Order::new(classes).unwrap());

    assert_eq!(effects, [Effect::Suspend(FIRST), Effect::Start(SECOND)]);
}

#[test]
fn an_order_without_a_class_is_refused() {
    let mut classes = Class::ALL;
    classes[6] = Class::Ring;

    assert_eq!(
        Order::new(classes),
        Err(OrderError {
            missing: Class::BackgroundMusic
        })
    );
}

#[test]
fn releasing_what_is_not_wanted_changes_nothing() {
    let mut arbiter = Arbiter::default();
    arbiter.request(FIRST, Class::Page);

    assert_eq!(arbiter.release(SoundId(99)), []);
    assert_eq!(arbiter.sounding(), Some((FIRST, Class::Page)));
}

fn outcome(first: Class, second: Class) -> &'static str {
    let mut arbiter = Arbiter::default();
    assert_eq!(arbiter.request(FIRST, first), [Effect::Start(FIRST)]);
    match arbiter.request(SECOND, second)[..] {
        [Effect::Stop { sound: FIRST, by }, Effect::Start(SECOND)] if by == second => "stop",
        [Effect::Suspend(FIRST), Effect::Start(SECOND)] => "wait",
        [Effect::Duck(FIRST), Effect::Start(SECOND)] => "duck",
        [
            Effect::Refuse {
                sound: SECOND,
                refusal,
            },
        ] if refusal == (Refusal::Busy { by: first }) => "REFUSED",
        [Effect::Suspend(SECOND)] => "WAITS",
        [Effect::Start(SECOND), Effect::Duck(SECOND)] => "DUCKED",
        ref other => panic!("{second} over {first}: {other:?}"),
    }
}
