//! Receivers that answer, fail, and do not answer, in virtual time.

use std::collections::VecDeque;

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn webhook(number: u128) -> WebhookId {
    WebhookId::from_random(number)
}

fn failed() -> Outcome {
    refused(Some(500))
}

fn refused(status: Option<u16>) -> Outcome {
    Outcome::Failed {
        status,
        cause: "the receiver has not taken it".to_owned(),
        retry_after: None,
    }
}

/// A queue as the store keeps it, and how the shell settles it.
struct Queue {
    waiting: VecDeque<(i64, u32, Timestamp)>,
    failures: u32,
    is_stopped: bool,
    is_urgent: bool,
    delivered: Vec<i64>,
    given_up: Vec<i64>,
}

impl Queue {
    fn of(numbers: std::ops::RangeInclusive<i64>) -> Self {
        Self {
            waiting: numbers.map(|number| (number, 0, NOW)).collect(),
            failures: 0,
            is_stopped: false,
            is_urgent: false,
            delivered: Vec::new(),
            given_up: Vec::new(),
        }
    }

    fn first(&self) -> Option<Wanted> {
        let (number, tries, not_before) = *self.waiting.front().filter(|_| !self.is_stopped)?;
        let failures = self.failures;
        Some(Wanted::Message(Head {
            number,
            tries,
            failures,
            not_before,
            is_urgent: self.is_urgent,
        }))
    }

    fn settle(&mut self, outcome: &Outcome, next: Next, stops: bool) {
        let (number, tries, _) = self.waiting.pop_front().unwrap();
        self.failures = match outcome {
            Outcome::Taken(_) => 0,
            Outcome::Failed { .. } => self.failures + 1,
        };
        self.is_stopped |= stops;
        match next {
            Next::Done => self.delivered.push(number),
            Next::GivenUp => self.given_up.push(number),
            Next::Again { at } => self.waiting.push_front((number, tries + 1, at)),
        }
    }
}

/// Runs one queue against a receiver until there is nothing to do; gives the moments of its tries in seconds.
fn run(plan: RetryPlan, queue: &mut Queue, mut answers: impl FnMut(i64) -> Outcome) -> Vec<u64> {
    let mut courier = Courier::new(plan);
    let mut now = NOW;
    let mut tries = Vec::new();
    loop {
        courier.handle_first(queue.first().map(|wanted| (webhook(1), wanted)), now);
        let mut is_settled = false;
        while let Some(output) = courier.poll_output() {
            match output {
                Output::Send { webhook, number } => {
                    tries.push((now.0 - NOW.0) / 1_000);
                    courier.handle_answer(&webhook, answers(number), now);
                }
                Output::Settled {
                    outcome, next, stops, ..
                } => {
                    queue.settle(&outcome, next, stops);
                    is_settled = true;
                }
                Output::Ask(_) | Output::Proved { .. } => panic!("nobody is asked"),
            }
        }
        match courier.next_timeout() {
            _ if is_settled => {}
            Some(at) => now = at,
            None => return tries,
        }
    }
}

#[test]
fn a_message_that_fails_is_tried_by_the_plan_and_those_behind_it_wait() {
    let mut queue = Queue::of(1..=3);
    let mut failures = 2;
    let tries = run(RetryPlan::default(), &mut queue, |number| {
        if number == 1 && failures > 0 {
            failures -= 1;
            return failed();
        }
        Outcome::Taken(200)
    });
    assert_eq!(tries, [0, 10, 70, 70, 70]);
    assert_eq!(queue.delivered, [1, 2, 3]);
    assert_eq!(queue.failures, 0);
}

#[test]
fn a_message_is_given_up_after_its_last_try_and_the_next_one_follows() {
    let mut queue = Queue::of(1..=2);
    let tries = run(RetryPlan::default(), &mut queue, |number| {
        if number == 1 {
            failed()
        } else {
            Outcome::Taken(204)
        }
    });
    assert_eq!(tries, [0, 10, 70, 370, 2_170, 7_570, 7_570]);
    assert_eq!((queue.given_up, queue.delivered), (vec![1], vec![2]));
}

#[test]
fn what_a_receiver_refuses_for_good_is_given_up_at_once_and_what_may_pass_is_tried_again() {
    for (status, is_final) in [
        (Some(399), false),
        (Some(400), true),
        (Some(401), false),
        (Some(403), false),
        (Some(404), false),
        (Some(408), false),
        (Some(413), true),
        (Some(422), true),
        (Some(429), false),
        (Some(500), false),
        (None, false),
    ] {
        let mut queue = Queue::of(1..=2);
        let tries = run(RetryPlan::default(), &mut queue, |number| {
            if number == 1 {
                refused(status)
            } else {
                Outcome::Taken(200)
            }
        });
        assert_eq!(tries == [0, 0], is_final, "{status:?}: {tries:?}");
        assert_eq!((queue.given_up, queue.delivered), (vec![1], vec![2]));
    }
}

#[test]
fn a_receiver_that_is_no_more_is_sent_nothing_and_its_messages_stay() {
    let mut queue = Queue::of(1..=2);
    let tries = run(RetryPlan::default(), &mut queue, |_| refused(Some(410)));
    assert!(queue.is_stopped);
    assert_eq!((tries, queue.waiting.len()), (vec![0], 2));
    assert!(queue.given_up.is_empty());
}

#[test]
fn a_receiver_that_asks_for_time_is_given_it_as_far_as_the_plan_goes_and_for_alerts_a_minute() {
    let rest_max = RetryPlan::ALERT_REST_MAX.as_secs();
    for (is_urgent, asked, waited) in [
        (false, 1, 10),
        (false, 600, 600),
        (false, 5_400, 5_400),
        (false, 5_401, 5_400),
        (false, u64::MAX, 5_400),
        (true, 1, 10),
        (true, rest_max, rest_max),
        (true, rest_max + 1, rest_max),
        (true, u64::MAX, rest_max),
    ] {
        let mut queue = Queue {
            is_urgent,
            ..Queue::of(1..=1)
        };
        let mut is_first = true;
        let tries = run(RetryPlan::default(), &mut queue, |_| {
            if !std::mem::take(&mut is_first) {
                return Outcome::Taken(200);
            }
            Outcome::Failed {
                status: Some(503),
                cause: String::new(),
                retry_after: Some(Duration::from_secs(asked)),
            }
        });
        assert_eq!(tries, [0, waited], "{asked}");
    }
}

#[test]
fn what_comes_first_meanwhile_does_not_wait_for_what_is_to_be_tried_again() {
    let mut courier = Courier::new(RetryPlan::default());
    let message = |number, not_before| {
        Wanted::Message(Head {
            number,
            tries: 0,
            failures: 0,
            not_before,
            is_urgent: false,
        })
    };
    courier.handle_first([(webhook(1), message(1, NOW.after_seconds(5_400)))], NOW);
    assert_eq!(courier.poll_output(), None);
    courier.handle_first([(webhook(1), message(2, NOW))], NOW);
    assert!(matches!(
        courier.poll_output(),
        Some(Output::Send { number: 2, .. })
    ));
}

#[test]
fn a_receiver_that_fails_so_often_in_a_row_is_sent_no_more_and_not_one_try_before() {
    let waits = vec![Duration::from_secs(1); 2];
    let plan = RetryPlan::new(waits, 7).unwrap();
    let mut queue = Queue::of(1..=9);
    let tries = run(plan.clone(), &mut queue, |_| failed());
    assert_eq!(tries.len(), 7);
    assert!(queue.is_stopped);
    assert_eq!(queue.given_up, [1, 2]);
    assert_eq!(queue.waiting.len(), 7, "what was not tried to its end waits");

    let mut queue = Queue::of(1..=9);
    let mut left = 6;
    run(plan, &mut queue, |_| {
        left -= 1;
        if left >= 0 { failed() } else { Outcome::Taken(200) }
    });
    assert!(!queue.is_stopped);
}

#[test]
fn alerts_that_fail_do_not_stop_their_receiver_unless_it_is_no_more() {
    let plan = RetryPlan::new(Vec::new(), 2).unwrap();
    for (status, is_stopped, given_up) in [(Some(500), false, 9), (Some(410), true, 0)] {
        let mut queue = Queue {
            is_urgent: true,
            ..Queue::of(1..=9)
        };
        run(plan.clone(), &mut queue, |_| refused(status));
        assert_eq!((queue.is_stopped, queue.given_up.len()), (is_stopped, given_up));
    }
    // What it failed at counts for the next message that is none.
    let mut queue = Queue {
        failures: 9,
        ..Queue::of(1..=2)
    };
    run(plan, &mut queue, |_| failed());
    assert!(queue.is_stopped);
}

#[test]
fn one_receiver_that_does_not_answer_holds_up_no_other() {
    let mut courier = Courier::new(RetryPlan::default());
    let message = |number| {
        Wanted::Message(Head {
            number,
            tries: 0,
            failures: 0,
            not_before: NOW,
            is_urgent: false,
        })
    };
    courier.handle_first([(webhook(1), message(1)), (webhook(2), message(2))], NOW);
    assert!(matches!(
        courier.poll_output(),
        Some(Output::Send { number: 1, .. })
    ));
    assert!(matches!(
        courier.poll_output(),
        Some(Output::Send { number: 2, .. })
    ));
    courier.handle_answer(&webhook(2), Outcome::Taken(200), NOW);
    assert!(matches!(
        courier.poll_output(),
        Some(Output::Settled { number: 2, .. })
    ));
    // The first is still under way, and is not sent twice.
    courier.handle_first([(webhook(1), message(1)), (webhook(2), message(3))], NOW);
    assert!(matches!(
        courier.poll_output(),
        Some(Output::Send { number: 3, .. })
    ));
    assert_eq!(courier.poll_output(), None);
    courier.handle_answer(&webhook(9), Outcome::Taken(200), NOW);
    assert_eq!(courier.poll_output(), None);
}

#[test]
fn so_many_tries_are_under_way_and_the_next_starts_when_one_has_ended() {
    let mut courier = Courier::new(RetryPlan::default());
    let all = (0..=IN_FLIGHT_MAX).map(|number| (webhook(u128::try_from(number).unwrap()), Wanted::Question));
    courier.handle_first(all, NOW);
    let mut asked = 0;
    while let Some(Output::Ask(_)) = courier.poll_output() {
        asked += 1;
    }
    assert_eq!(asked, IN_FLIGHT_MAX);
    assert_eq!(courier.next_timeout(), None);
    courier.handle_answer(&webhook(0), Outcome::Taken(200), NOW);
    assert!(matches!(courier.poll_output(), Some(Output::Proved { .. })));
    assert!(matches!(courier.poll_output(), Some(Output::Ask(_))));
}

#[test]
fn a_clock_that_was_set_back_puts_no_message_off_for_longer_than_the_longest_wait() {
    let mut courier = Courier::new(RetryPlan::default());
    let head = Head {
        number: 1,
        tries: 1,
        failures: 1,
        not_before: Timestamp(u64::MAX),
        is_urgent: false,
    };
    courier.handle_first([(webhook(1), Wanted::Message(head))], NOW);
    assert_eq!(courier.next_timeout(), Some(NOW.after_seconds(5_400)));
    courier.handle_first([(webhook(1), Wanted::Message(head))], NOW.after_seconds(5_399));
    assert_eq!(courier.poll_output(), None);
    assert_eq!(courier.next_timeout(), Some(NOW.after_seconds(5_400)));
    courier.handle_first([(webhook(1), Wanted::Message(head))], NOW.after_seconds(5_400));
    assert!(matches!(
        courier.poll_output(),
        Some(Output::Send { number: 1, .. })
    ));
}

#[test]
fn alerts_rest_together_as_long_as_their_receiver_asks_at_one_of_them_and_nothing_else_does() {
    let rest_max = RetryPlan::ALERT_REST_MAX;
    let second = Duration::from_secs(1);
    for (is_urgent, asked, rest) in [
        (true, None, None),
        (true, Some(second), Some(second)),
        (true, Some(rest_max), Some(rest_max)),
        (true, Some(rest_max + second), Some(rest_max)),
        (false, Some(second), None),
    ] {
        let mut courier = Courier::new(RetryPlan::default());
        let head = Head {
            number: 1,
            tries: 0,
            failures: 0,
            not_before: NOW,
            is_urgent,
        };
        courier.handle_first([(webhook(1), Wanted::Message(head))], NOW);
        courier.poll_output();
        let limited = Outcome::Failed {
            status: Some(429),
            cause: String::new(),
            retry_after: asked,
        };
        courier.handle_answer(&webhook(1), limited, NOW);
        let Some(Output::Settled { alerts_rest, .. }) = courier.poll_output() else {
            panic!("it is not settled");
        };
        let right = rest.map(|rest| NOW.after_seconds(rest.as_secs()));
        assert_eq!(alerts_rest, right, "{is_urgent} {asked:?}");
    }
}

#[test]
fn a_plan_keeps_its_limits() {
    let wait = Duration::from_secs(1);
    assert!(RetryPlan::new(vec![wait; RetryPlan::WAITS_MAX], 1).is_ok());
    assert_eq!(
        RetryPlan::new(vec![wait; RetryPlan::WAITS_MAX + 1], 1),
        Err(RetryPlanError::TooMany)
    );
    assert!(RetryPlan::new(vec![RetryPlan::WAIT_MAX], 1).is_ok());
    assert_eq!(
        RetryPlan::new(vec![RetryPlan::WAIT_MAX + wait], 1),
        Err(RetryPlanError::Wait)
    );
    assert_eq!(RetryPlan::new(vec![wait / 2], 1), Err(RetryPlanError::Wait));
    assert_eq!(RetryPlan::new(Vec::new(), 0), Err(RetryPlanError::Failures));
}
