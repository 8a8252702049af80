//! The demo on the backends that need no service.

mod shop;

#[tokio::test]
async fn in_sqlite_a_basket_outlives_the_demo() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("shop.db").display());
    let basket = shop::basket_after_a_restart(&url, "shop").await;
    assert!(basket.contains("Umbrella"), "{basket}");
}

#[tokio::test]
async fn in_memory_a_basket_is_gone_with_the_demo() {
    let basket = shop::basket_after_a_restart("memory:", "shop").await;
    assert!(basket.contains("200 OK") && !basket.contains("Umbrella"), "{basket}");
}
