use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A request's or response's body on its way through the layer: almost always the body `B` itself, else one
    /// that the layer has read ahead (a form with an id in it) or made (an error's answer).
    pub struct SessionBody<B: Body> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B: Body> {
        Passed { #[pin] body: B },
        Replay { frames: VecDeque<Frame<Bytes>>, rest: Option<Result<Pin<Box<B>>, B::Error>> },
    }
}

impl<B: Body> std::fmt::Debug for SessionBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.kind {
            Kind::Passed { .. } => "SessionBody(passed)",
            Kind::Replay { .. } => "SessionBody(replay)",
        })
    }
}

impl<B: Body<Data = Bytes>> SessionBody<B> {
    pub(crate) fn passed(body: B) -> Self {
        Self { kind: Kind::Passed { body } }
    }

    pub(crate) fn held(body: Bytes) -> Self {
        let frames = if body.is_empty() { VecDeque::new() } else { VecDeque::from([Frame::data(body)]) };
        Self::replay(frames, None)
    }

    /// First what was read, then the rest or the error that reading met.
    pub(crate) fn replay(
        frames: VecDeque<Frame<Bytes>>,
        rest: Option<Result<Pin<Box<B>>, B::Error>>,
    ) -> Self {
        Self { kind: Kind::Replay { frames, rest } }
    }
}

impl<B: Body<Data = Bytes>> Body for SessionBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Passed { body } => body.poll_frame(context),
            KindProjection::Replay { frames, rest } => match (frames.pop_front(), rest.take()) {
                (Some(frame), later) => {
                    *rest = later;
                    Poll::Ready(Some(Ok(frame)))
                }
                (None, Some(Ok(mut body))) => {
                    let polled = body.as_mut().poll_frame(context);
                    *rest = Some(Ok(body));
                    polled
                }
                (None, Some(Err(error))) => Poll::Ready(Some(Err(error))),
                (None, None) => Poll::Ready(None),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passed { body } => body.is_end_stream(),
            Kind::Replay { frames, rest } => match rest {
                Some(Ok(body)) => frames.is_empty() && body.is_end_stream(),
                Some(Err(_)) => false,
                None => frames.is_empty(),
            },
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passed { body } => body.size_hint(),
            Kind::Replay { frames, rest } => {
                let read = frames.iter().filter_map(Frame::data_ref).map(Bytes::len).sum::<usize>();
                let read = u64::try_from(read).unwrap_or(u64::MAX);
                match rest {
                    Some(Ok(body)) => {
                        let mut hint = body.size_hint();
                        hint.set_lower(hint.lower().saturating_add(read));
                        if let Some(upper) = hint.upper() {
                            hint.set_upper(upper.saturating_add(read));
                        }
                        hint
                    }
                    Some(Err(_)) => SizeHint::default(),
                    None => SizeHint::with_exact(read),
                }
            }
        }
    }
}
