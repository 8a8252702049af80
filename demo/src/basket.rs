use std::collections::BTreeMap;

use cloakroom::Key;
use serde::{Deserialize, Serialize};

use crate::catalogue::{self, Product};

pub(crate) const BASKET: Key<Basket> = Key::new("basket");

/// The most of one product that a basket holds.
pub(crate) const MAX_QUANTITY: u8 = 9;

/// Products and quantities, kept in the session.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Basket {
    quantities: BTreeMap<String, u8>,
}

pub(crate) struct Line {
    pub(crate) product: &'static Product,
    pub(crate) quantity: u8,
}

impl Line {
    fn cents(&self) -> u32 {
        self.product.cents * u32::from(self.quantity)
    }

    pub(crate) fn price(&self) -> String {
        catalogue::price(self.cents())
    }
}

impl Basket {
    pub(crate) fn add(&mut self, product: &Product) {
        let quantity = self.quantities.entry(product.slug.to_owned()).or_default();
        *quantity = quantity.saturating_add(1).min(MAX_QUANTITY);
    }

    pub(crate) fn change(&mut self, product: &Product, quantity: u8) {
        if quantity == 0 {
            self.quantities.remove(product.slug);
        } else {
            self.quantities.insert(product.slug.to_owned(), quantity.min(MAX_QUANTITY));
        }
    }

    /// What the shop still sells of it.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let line = |(slug, quantity): (&String, &u8)| {
            Some(Line { product: catalogue::find(slug)?, quantity: *quantity })
        };
        self.quantities.iter().filter_map(line).collect()
    }

    pub(crate) fn total(&self) -> String {
        catalogue::price(self.lines().iter().map(Line::cents).sum())
    }

    pub(crate) fn count(&self) -> u32 {
        self.quantities.values().map(|quantity| u32::from(*quantity)).sum()
    }
}
