//! The server's clock, for servers whose commands cannot read it.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use mongodb::{Database, bson::doc};

use crate::error::Fault;

/// What the server's clock shows, counted on by this machine's monotonic clock, so that neither a wrong nor a
/// corrected wall clock here matters. As exact as half the round trip in which it was asked for.
pub(crate) struct Clock {
    origin: Instant,
    /// What is added to the microseconds since `origin`.
    offset_micros: AtomicI64,
}

impl Clock {
    /// Asks the server.
    pub(crate) async fn of(database: &Database) -> Result<Self, Fault> {
        let origin = Instant::now();
        let answer = Answer::of(database, origin).await?;
        Ok(Self { origin, offset_micros: AtomicI64::new(answer.offset_micros()) })
    }

    /// Epoch milliseconds.
    pub(crate) fn now(&self) -> i64 {
        let micros = micros(self.origin.elapsed()) + self.offset_micros.load(Ordering::Relaxed);
        micros.div_euclid(1_000)
    }

    /// Asks again. An answer that this clock could have given changes nothing, lest it jump by what the network
    /// takes.
    pub(crate) async fn correct(&self, database: &Database) -> Result<(), Fault> {
        let answer = Answer::of(database, self.origin).await?;
        if !answer.agrees_with(self.offset_micros.load(Ordering::Relaxed)) {
            self.offset_micros.store(answer.offset_micros(), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// What the server's clock showed at some moment between the two.
struct Answer {
    asked_micros: i64,
    answered_micros: i64,
    shown_millis: i64,
}

impl Answer {
    async fn of(database: &Database, origin: Instant) -> Result<Self, Fault> {
        let asked_micros = micros(origin.elapsed());
        let hello = database.run_command(doc! { "hello": 1 }).await?;
        let answered_micros = micros(origin.elapsed());
        let shown = hello.get_datetime("localTime").map_err(|_| Fault::NoClock)?;
        Ok(Self { asked_micros, answered_micros, shown_millis: shown.timestamp_millis() })
    }

    /// Taken to be of the middle of the round trip, and of the middle of the millisecond.
    fn offset_micros(&self) -> i64 {
        self.shown_millis * 1_000 + 500 - i64::midpoint(self.asked_micros, self.answered_micros)
    }

    fn agrees_with(&self, offset_micros: i64) -> bool {
        let earliest = self.asked_micros + offset_micros;
        let latest = self.answered_micros + offset_micros;
        earliest < (self.shown_millis + 1) * 1_000 && latest >= self.shown_millis * 1_000
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asked at 10 ms, answered at 14 ms of our own clock.
    fn answer(shown_millis: i64) -> Answer {
        Answer { asked_micros: 10_000, answered_micros: 14_000, shown_millis }
    }

    #[test]
    fn the_answer_is_of_the_middle_of_the_round_trip() {
        let offset = answer(1_000).offset_micros();
        assert_eq!((12_000 + offset).div_euclid(1_000), 1_000);
        assert_eq!(offset, 988_500);
    }

    #[test]
    fn an_answer_within_the_round_trip_agrees() {
        let offset = answer(1_000).offset_micros();
        for shown in 998..=1_002 {
            assert!(answer(shown).agrees_with(offset), "{shown}");
        }
    }

    #[test]
    fn an_answer_outside_of_the_round_trip_does_not() {
        let offset = answer(1_000).offset_micros();
        for shown in [0, 997, 1_003, 1_000_000] {
            assert!(!answer(shown).agrees_with(offset), "{shown}");
        }
    }

    #[test]
    fn a_server_far_behind_or_ahead_is_followed() {
        for shown in [-5, 0, 4_102_444_800_000] {
            let clock = Clock {
                origin: Instant::now(),
                offset_micros: AtomicI64::new(
                    Answer { asked_micros: 0, answered_micros: 0, shown_millis: shown }.offset_micros(),
                ),
            };
            assert!((0..10_000).contains(&(clock.now() - shown)), "{shown}");
        }
    }
}
