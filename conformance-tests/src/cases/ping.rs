use crate::{
    Case,
    case::{Verdict, case},
    subject::Subject,
};

pub(super) fn cases() -> Vec<Case> {
    vec![case!("ping/answers", "A storage that works answers a ping.", [], answers)]
}

async fn answers(storage: Subject) -> Verdict {
    storage.ping().await?;
    storage.reset().await?;
    storage.ping().await?;
    Ok(())
}
