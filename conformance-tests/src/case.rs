use std::{fmt, pin::Pin};

use cloakroom_storage::{Capabilities, StorageError};

use crate::{Need, subject::Subject};

/// One rule of the contract and the test of it.
pub struct Case {
    id: &'static str,
    rule: &'static str,
    needs: &'static [Need],
    pub(crate) run: fn(Subject) -> CaseFuture,
}

pub(crate) type CaseFuture = Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// How a case ends: the rule is kept, or it is broken in this way.
pub(crate) type Verdict<T = ()> = Result<T, Failure>;

impl Case {
    pub(crate) const fn new(
        id: &'static str,
        rule: &'static str,
        needs: &'static [Need],
        run: fn(Subject) -> CaseFuture,
    ) -> Self {
        Self { id, rule, needs, run }
    }

    /// The name in documentation, reports and failures, such as `touch/expired-is-not-revived`.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        self.id
    }

    /// The rule, in one sentence of the contract.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.rule
    }

    /// What a storage must have, or must lack, for the case to apply.
    #[must_use]
    pub const fn needs(&self) -> &'static [Need] {
        self.needs
    }

    /// Why the case does not apply to a storage; `None`: it does.
    #[must_use]
    pub fn reason_to_ignore(&self, capabilities: &Capabilities) -> Option<String> {
        self.needs.iter().find_map(|need| need.unmet(capabilities))
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("id", &self.id).field("rule", &self.rule).finish_non_exhaustive()
    }
}

/// How a rule was broken.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self(format!("an operation that should succeed failed: {error}"))
    }
}

/// A case of the function of that name.
macro_rules! case {
    ($id:literal, $rule:literal, [$($need:ident),*], $function:ident) => {
        $crate::case::Case::new($id, $rule, &[$($crate::Need::$need),*], |subject| {
            ::std::boxed::Box::pin($function(subject))
        })
    };
}

/// Ends the case as broken, with the message, unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return ::std::result::Result::Err($crate::case::Failure::new(format!($($message)+)));
        }
    };
}

pub(crate) use {case, ensure};
