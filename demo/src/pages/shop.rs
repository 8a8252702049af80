use askama::Template;
use axum::{extract::State, response::Response};
use cloakroom::{Session, SessionError};

use crate::{
    app::Shop,
    catalogue::{PRODUCTS, Product},
    frame::{Frame, html},
};

#[derive(Template)]
#[template(path = "shop.html")]
struct Page {
    frame: Frame,
    products: &'static [Product],
}

pub(crate) async fn show(State(shop): State<Shop>, session: Session) -> Result<Response, SessionError> {
    Ok(html(Page { frame: Frame::of(&session, shop)?, products: PRODUCTS }))
}
