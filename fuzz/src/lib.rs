//! What the fuzz targets share. `cargo xtask fuzz` runs them.

#![forbid(unsafe_code)]

mod shelf;

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

pub use shelf::Shelf;

/// The result of a future that waits for nothing, as none over a [`Shelf`] does.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("there is nothing to wait for"),
    }
}
