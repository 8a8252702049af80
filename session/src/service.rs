use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::{SavePolicy, SessionBody, form, layer::Shared, request::RequestSession};

/// A service behind a [`SessionLayer`](crate::SessionLayer).
#[derive(Clone)]
pub struct SessionService<S> {
    pub(crate) inner: S,
    pub(crate) shared: Arc<Shared>,
}

impl<S> std::fmt::Debug for SessionService<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionService").field("store", &self.shared.store).finish_non_exhaustive()
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for SessionService<S>
where
    S: Service<Request<SessionBody<ReqBody>>, Response = Response<ResBody>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    ReqBody: Body<Data = Bytes> + Send + 'static,
    ReqBody::Error: Send,
    ResBody: Body<Data = Bytes> + Send + 'static,
    ResBody::Error: Send,
{
    type Response = Response<SessionBody<ResBody>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        // The service that was polled ready takes the request; its clone waits for the next.
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        let shared = self.shared.clone();
        Box::pin(handle(shared, inner, request))
    }
}

/// The life of one request: extract, call, save, emit. The session is loaded when the handler asks for it.
async fn handle<S, ReqBody, ResBody>(
    shared: Arc<Shared>,
    mut inner: S,
    request: Request<ReqBody>,
) -> Result<Response<SessionBody<ResBody>>, S::Error>
where
    S: Service<Request<SessionBody<ReqBody>>, Response = Response<ResBody>>,
    ReqBody: Body<Data = Bytes>,
    ResBody: Body<Data = Bytes>,
{
    let (mut parts, body) = request.into_parts();
    if shared.skip.as_ref().is_some_and(|skip| skip(&parts)) {
        parts.extensions.remove::<RequestSession>();
        let response = inner.call(Request::from_parts(parts, SessionBody::passed(body))).await?;
        return Ok(response.map(SessionBody::passed));
    }

    let body = if shared.reads_form && form::is_form(&parts) {
        form::buffer(&mut parts, body).await
    } else {
        SessionBody::passed(body)
    };
    #[cfg(feature = "axum")]
    if shared.reads_path && parts.extensions.get::<crate::PathParams>().is_none() {
        let params = crate::PathParams::of_axum(&mut parts).await;
        parts.extensions.insert(params);
    }
    let request = RequestSession::new(shared.clone(), &parts);
    if shared.store.config().save_policy == SavePolicy::Always
        && let Err(error) = request.session().await
    {
        return Ok(shared.on_error.load_failed(&error).map(SessionBody::held));
    }
    parts.extensions.insert(request.clone());

    let answered = inner.call(Request::from_parts(parts, body)).await;
    let Some(session) = request.loaded() else { return Ok(answered?.map(SessionBody::passed)) };
    let saved = session.save().await;
    let mut response = answered?.map(SessionBody::passed);
    match saved {
        Ok(()) => session.emit(response.headers_mut()),
        Err(error) => {
            if let Some(replacement) = shared.on_error.save_failed(&error) {
                response = replacement.map(SessionBody::held);
            }
        }
    }
    Ok(response)
}
