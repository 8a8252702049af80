//! What the shop sells.

/// A product; prices are in cents.
#[derive(Debug)]
pub(crate) struct Product {
    pub(crate) slug: &'static str,
    pub(crate) name: &'static str,
    pub(crate) line: &'static str,
    pub(crate) cents: u32,
    /// The shapes of its picture, in a box of 48 by 48.
    pub(crate) picture: &'static str,
}

impl Product {
    pub(crate) fn price(&self) -> String {
        price(self.cents)
    }
}

pub(crate) fn price(cents: u32) -> String {
    format!("€ {}.{:02}", cents / 100, cents % 100)
}

pub(crate) fn find(slug: &str) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.slug == slug)
}

pub(crate) const PRODUCTS: &[Product] = &[
    Product {
        slug: "overcoat",
        name: "Overcoat",
        line: "Heavy wool, deep pockets",
        cents: 24_900,
        picture: r#"<path d="M18 7l-9 6-2 27h10V22M30 7l9 6 2 27H31V22M18 7l6 6 6-6M17 40V13M31 40V13M17 40h14M24 13v27"/>"#,
    },
    Product {
        slug: "bowler",
        name: "Bowler hat",
        line: "Felt, silk band",
        cents: 7_950,
        picture: r#"<path d="M5 33c6 5 32 5 38 0M11 33V23c0-16 26-16 26 0v10M11 29c8 4 18 4 26 0"/>"#,
    },
    Product {
        slug: "umbrella",
        name: "Umbrella",
        line: "Ash handle, storm proof",
        cents: 5_400,
        picture: r#"<path d="M24 5v32c0 7-9 7-9 0M4 25C6 4 42 4 44 25c-3-4-8-4-10 0-3-4-7-4-10 0-3-4-7-4-10 0-2-4-7-4-10 0z"/>"#,
    },
    Product {
        slug: "scarf",
        name: "Scarf",
        line: "Lambswool, two metres",
        cents: 3_900,
        picture: r#"<path d="M15 8h18l-3 12H18zM19 20l-4 20h9l3-20M29 20l5 16h-7M17 36h7M18 32h7"/>"#,
    },
    Product {
        slug: "gloves",
        name: "Gloves",
        line: "Deerskin, hand stitched",
        cents: 6_200,
        picture: r#"<path d="M15 41V25l-6-7c-1-3 3-5 5-2l5 5V9c0-3 4-3 4 0v11V6c0-3 4-3 4 0v14V8c0-3 4-3 4 0v13-9c0-3 4-3 4 0v17c0 6-3 8-3 12zM15 36h17"/>"#,
    },
    Product {
        slug: "satchel",
        name: "Satchel",
        line: "Bridle leather, brass buckles",
        cents: 18_500,
        picture: r#"<path d="M7 15h34v25H7zM17 15V9h14v6M7 15l5 12h24l5-12M17 27v6M31 27v6"/>"#,
    },
];
