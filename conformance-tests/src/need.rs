use cloakroom_storage::Capabilities;

/// What a case asks of a storage's [`Capabilities`]. One that is not met makes it ignored, with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// [`Capabilities::atomic_swap`].
    AtomicSwap,
    /// [`Capabilities::atomic_touch`].
    AtomicTouch,
    /// No [`Capabilities::atomic_touch`]: the case is about the default.
    DefaultTouch,
    /// [`Capabilities::scan`].
    Scan,
    /// No [`Capabilities::scan`]: the case is about the default.
    NoScan,
    /// [`Capabilities::close`].
    Close,
    /// No [`Capabilities::close`]: the case is about the default.
    NoClose,
    /// A [`Capabilities::max_value_bytes`] that can be exceeded.
    ValueLimit,
    /// Values of 1 MiB.
    Mebibyte,
}

pub(crate) const MEBIBYTE: usize = 1024 * 1024;

impl Need {
    pub(crate) fn unmet(self, capabilities: &Capabilities) -> Option<String> {
        let limit = capabilities.max_value_bytes;
        let (met, reason) = match self {
            Self::AtomicSwap => (capabilities.atomic_swap, "it does not claim an atomic compare_and_swap"),
            Self::AtomicTouch => (capabilities.atomic_touch, "it does not claim an atomic get_and_touch"),
            Self::DefaultTouch => {
                (!capabilities.atomic_touch, "it claims more than the default get_and_touch")
            }
            Self::Scan => (capabilities.scan, "it does not claim scan"),
            Self::NoScan => (!capabilities.scan, "it claims scan"),
            Self::Close => (capabilities.close, "it does not claim close"),
            Self::NoClose => (!capabilities.close, "it claims close"),
            Self::ValueLimit => (limit.is_some(), "it has no limit of the value's size"),
            Self::Mebibyte => {
                (limit.is_none_or(|limit| limit >= MEBIBYTE), "its values are smaller than 1 MiB")
            }
        };
        (!met).then(|| reason.to_owned())
    }
}
