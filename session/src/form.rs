//! Reading a form before the handler does, and leaving the whole body to the handler all the same.

use std::{collections::VecDeque, future::poll_fn, pin::Pin};

use bytes::{Bytes, BytesMut};
use http::{header, request::Parts};
use http_body::{Body, Frame};

use crate::{FormBody, SessionBody};

/// The longest form that is searched for an id, in bytes. A longer one reaches the handler unsearched.
const MAX_FORM_BYTES: usize = 64 * 1024;

pub(crate) fn is_form(parts: &Parts) -> bool {
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Reads the form into the request's extensions and gives back a body that replays it.
pub(crate) async fn buffer<B: Body<Data = Bytes>>(parts: &mut Parts, body: B) -> SessionBody<B> {
    let mut rest = Box::pin(body);
    let mut frames = VecDeque::new();
    let mut form = BytesMut::new();
    loop {
        match next_frame(rest.as_mut()).await {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    form.extend_from_slice(data);
                }
                frames.push_back(frame);
                if form.len() > MAX_FORM_BYTES {
                    return SessionBody::replay(frames, Some(Ok(rest)));
                }
            }
            // The handler meets the error where the body has it.
            Some(Err(error)) => return SessionBody::replay(frames, Some(Err(error))),
            None => {
                parts.extensions.insert(FormBody::new(form));
                return SessionBody::replay(frames, None);
            }
        }
    }
}

async fn next_frame<B: Body>(mut body: Pin<&mut B>) -> Option<Result<Frame<B::Data>, B::Error>> {
    poll_fn(|context| body.as_mut().poll_frame(context)).await
}
