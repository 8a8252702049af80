use std::{sync::Arc, time::Duration};

use cloakroom::{Backends, Storage, StorageError};
use tokio::{
    io::{AsyncBufReadExt, BufReader, stdin},
    task::JoinSet,
    time::sleep,
};

use crate::{
    Failure, Invariant, Resources, Violation,
    application::{Application, name, passes},
    order::{Answer, Done, Ending, Order, Place, Task, WRITES_PER_TASK, counter, key},
    visitor::{Refusal, Visitor},
};

/// How many slow requests of a process race a sign-out.
const SLOW_REQUESTS: usize = 4;
/// How long requests take between what they read and what they write, at most.
const SLOW_MS: u64 = 5;

/// The whole of a worker: carries out what the conductor writes to the input, until that is closed.
///
/// # Errors
/// [`Failure`] where the storage does not open, or the input is nobody's who conducts.
pub async fn work(backends: &Backends) -> Result<(), Failure> {
    let mut lines = BufReader::new(stdin()).lines();
    let mut next = async || lines.next_line().await.map_err(Failure::io("read an order"));
    let Some(place) = next().await? else { return Ok(()) };
    let worker = Worker::open(serde_json::from_str(&place)?, backends).await?;
    while let Some(line) = next().await? {
        let Order { number, task } = serde_json::from_str(&line)?;
        let worker = worker.clone();
        tokio::spawn(async move {
            let done = collect(JoinSet::from_iter([worker.carry_out(number, task)])).await;
            if let Ok(answer) = serde_json::to_string(&Answer { number, done }) {
                println!("{answer}");
            }
        });
    }
    Ok(())
}

#[derive(Clone)]
struct Worker {
    place: Arc<Place>,
    application: Application,
}

impl Worker {
    async fn open(place: Place, backends: &Backends) -> Result<Self, Failure> {
        let application = Application::new(backends.open(&place.config()?).await?)?;
        Ok(Self { place: Arc::new(place), application })
    }

    async fn carry_out(self, number: u64, task: Task) -> Done {
        match task {
            Task::Write { session } => {
                let writers =
                    (0..self.place.tasks).map(|task| self.clone().write(number, session.clone(), task));
                collect(writers.collect()).await
            }
            Task::SignOut { session, ending } => self.sign_out(number, session, ending).await,
            Task::Revoke { principal, sessions, revokes } => self.revoke(principal, sessions, revokes).await,
            Task::Rest => Done { resources: Resources::at_rest().await, ..Done::default() },
        }
    }

    /// One task's part of a round in which all write to one session.
    async fn write(self, round: u64, session: String, task: usize) -> Done {
        let mut done = Done::default();
        for write in task * WRITES_PER_TASK..(task + 1) * WRITES_PER_TASK {
            let mut visitor = Visitor::with_id(&session);
            let path = format!("/set/{}/{round}/{}", key(self.place.process, write), fastrand::u64(0..2));
            match self.send(&mut visitor, &path, &mut done).await {
                Some(seen) if seen == round.to_string() && !visitor.is_turned_out => done.written.push(write),
                Some(seen) if seen == round.to_string() || seen.is_empty() => {
                    done.violations
                        .push(Violation::new(Invariant::NoLostUpdate, "a shared session was gone"));
                }
                Some(_) => {
                    done.violations
                        .push(Violation::new(Invariant::NoForeignKey, "another session's data was read"));
                }
                None => {}
            }
        }
        match increment(&*self.application.storage, &counter(round)).await {
            Ok(()) => done.counted += 1,
            Err(error) => {
                done.uncertain += 1;
                let error = error.into();
                done.refused(&Refusal { passes: passes(&error), what: name(&error) });
            }
        }
        done
    }

    async fn sign_out(self, number: u64, session: String, ending: Option<Ending>) -> Done {
        let mut racing: JoinSet<Done> = (0..SLOW_REQUESTS)
            .map(|n| {
                let (worker, session) = (self.clone(), session.clone());
                async move {
                    let (mut visitor, mut done) = (Visitor::with_id(&session), Done::default());
                    let path = format!(
                        "/set/{}/{number}/{}",
                        key(worker.place.process, n),
                        fastrand::u64(0..=SLOW_MS)
                    );
                    let seen = worker.send(&mut visitor, &path, &mut done).await;
                    let is_overtaken = seen.is_some_and(|seen| !seen.is_empty()) && visitor.is_turned_out;
                    done.tally.overtaken += u64::from(is_overtaken);
                    Done { ids: visitor.given(), ..done }
                }
            })
            .collect();
        racing.spawn(async move {
            let mut done = Done::default();
            let Some(ending) = ending else { return done };
            pause().await;
            done.has_ended = match ending {
                Ending::SignOut => {
                    self.send(&mut Visitor::with_id(&session), "/sign-out", &mut done).await.is_some()
                }
                Ending::Delete => {
                    let deleted = self.application.store.delete(&session).await;
                    deleted.map_err(|error| done.failed(&error)).is_ok()
                }
            };
            done
        });
        collect(racing).await
    }

    async fn revoke(self, principal: String, sessions: Vec<String>, revokes: bool) -> Done {
        let mut racing = JoinSet::new();
        for session in sessions {
            let worker = self.clone();
            racing.spawn(async move {
                let (mut visitor, mut done) = (Visitor::with_id(&session), Done::default());
                for _ in 0..2 {
                    let path =
                        format!("/set/{}/0/{}", key(worker.place.process, 0), fastrand::u64(0..=SLOW_MS));
                    worker.send(&mut visitor, &path, &mut done).await;
                    worker
                        .send(&mut visitor, &format!("/renew/{}", fastrand::u64(0..=SLOW_MS)), &mut done)
                        .await;
                }
                Done { ids: visitor.given(), ..done }
            });
        }
        let (worker, user) = (self.clone(), principal.clone());
        racing.spawn(async move {
            let (mut visitor, mut done) = (Visitor::default(), Done::default());
            pause().await;
            worker.send(&mut visitor, &format!("/sign-in/{user}"), &mut done).await;
            Done { sign_ins: visitor.given(), ..done }
        });
        racing.spawn(async move {
            let mut done = Done::default();
            if revokes {
                pause().await;
                let revoked = self.application.store.revoke(&principal, None).await;
                done.has_ended = revoked.map_err(|error| done.failed(&error)).is_ok();
            }
            done
        });
        collect(racing).await
    }

    /// What is answered, if the request was not refused.
    async fn send(&self, visitor: &mut Visitor, path: &str, done: &mut Done) -> Option<String> {
        done.tally.requests += 1;
        visitor.get(&self.application, path).await.map_err(|refusal| done.refused(&refusal)).ok()
    }
}

impl Done {
    fn refused(&mut self, refusal: &Refusal) {
        if refusal.passes {
            *self.tally.errors.entry(refusal.what.clone()).or_default() += 1;
        } else {
            self.violations.push(Violation::new(Invariant::NoUnexpectedError, &refusal.what));
        }
    }

    fn failed(&mut self, error: &cloakroom::SessionError) {
        self.refused(&Refusal { passes: passes(error), what: name(error) });
    }
}

async fn pause() {
    sleep(Duration::from_millis(fastrand::u64(0..=SLOW_MS))).await;
}

/// What all of them have done; a task that panics has broken a promise.
async fn collect(mut tasks: JoinSet<Done>) -> Done {
    let mut all = Done::default();
    while let Some(done) = tasks.join_next().await {
        all = all.and(done.unwrap_or_else(|error| Done {
            violations: vec![Violation::new(
                Invariant::NoUnexpectedError,
                &format!("a task panicked: {error}"),
            )],
            ..Done::default()
        }));
    }
    all
}

/// Adds one to a counter that everybody adds to. After an error it is added or not.
async fn increment(storage: &dyn Storage, key: &str) -> Result<(), StorageError> {
    let mut current = storage.get(key).await?;
    loop {
        let count = current.as_deref().map_or(0, count);
        let next = (count + 1).to_string().into();
        match storage.compare_and_swap(key, current.as_deref(), Some(next), None).await? {
            cloakroom::storage::Swap::Swapped => return Ok(()),
            cloakroom::storage::Swap::Conflict { current: newer } => current = newer,
        }
    }
}

/// What a counter has come to; what is no number was not written by [`increment`].
pub(crate) fn count(value: &[u8]) -> u64 {
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX / 2)
}
