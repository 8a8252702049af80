//! What a node of a cluster says of itself.

use redis::{Pipeline, Value};

use crate::{
    fault::{Fault, answer},
    server::{field, text},
};

/// Whether a node is the master that was meant, by its own word.
///
/// Where a request has a key, a node that does not have its slot says so. `SCAN` and `INFO` have none and are answered
/// by whichever node they reach: the driver takes any where it has no connection to the right one, and the right one
/// may have become a replica since it last looked. So the node is asked in the same pipeline.
pub(crate) struct Testimony {
    /// First and last slots of the node that speaks; none of a replica.
    own: Vec<(u16, u16)>,
    /// The lowest slot of each master, in order.
    lowest: Vec<u16>,
    /// Whether it takes requests: one that lost sight of the others, or is only just back, may have been replaced.
    sound: bool,
}

impl Testimony {
    const QUESTIONS: usize = 2;

    /// After the requests: what held then, held for them.
    pub(crate) fn ask(pipeline: &mut Pipeline) {
        pipeline.cmd("CLUSTER").arg("NODES");
        pipeline.cmd("CLUSTER").arg("INFO");
    }

    /// Takes what was asked for off the end of the answers.
    pub(crate) fn hear(answers: &mut Vec<Value>) -> Result<Self, Fault> {
        let mut said = answers.split_off(answers.len().saturating_sub(Self::QUESTIONS)).into_iter();
        let (Some(nodes), Some(info)) = (said.next(), said.next()) else { return Err(Fault::Unexpected) };
        let (nodes, info) = (answer(nodes)?, answer(info)?);
        Self::of(text(&nodes), text(&info)).ok_or(Fault::Unexpected)
    }

    fn of(nodes: Option<&str>, info: Option<&str>) -> Option<Self> {
        let sound = field(info?, "cluster_state")? == "ok";
        let (mut own, mut lowest) = (None, Vec::new());
        for line in nodes?.lines() {
            let (flags, slots) = node(line)?;
            lowest.extend(slots.iter().map(|(first, _)| *first).min());
            if flags.split(',').any(|flag| flag == "myself") {
                own = Some(slots);
            }
        }
        lowest.sort_unstable();
        Some(Self { own: own?, lowest, sound })
    }

    /// Whether the node is the master of that slot.
    pub(crate) fn is_master_of(&self, slot: u16) -> bool {
        self.sound && self.own.iter().any(|(first, last)| (*first..=*last).contains(&slot))
    }

    /// The lowest slot of the master after that one.
    pub(crate) fn after(&self, slot: u16) -> Option<u16> {
        self.lowest.iter().copied().find(|lowest| *lowest > slot)
    }
}

/// Flags and slots of a line of `CLUSTER NODES`: name, address, flags, master, three numbers, link, slots.
fn node(line: &str) -> Option<(&str, Vec<(u16, u16)>)> {
    let mut words = line.split_whitespace();
    let flags = words.nth(2)?;
    let slots = words.skip(5).filter(|word| !is_moving(word)).map(range).collect::<Option<_>>()?;
    Some((flags, slots))
}

/// A slot that is on its way, as `[77->-name]` or `[77-<-name]`: it is listed where it is until it has arrived.
fn is_moving(word: &str) -> bool {
    word.starts_with('[')
}

fn range(word: &str) -> Option<(u16, u16)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some((first.parse().ok()?, last.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "\
        aa 10.0.0.1:6379@16379 master - 0 0 1 connected 8000-16383\n\
        bb 10.0.0.2:6379@16379,two myself,master - 0 0 2 connected 100-7999 [100->-aa] [8000-<-aa]\n\
        cc 10.0.0.3:6379@16379 slave bb 0 0 2 connected\n\
        dd 10.0.0.4:6379@16379 master,fail - 0 0 3 disconnected 0-7 9 11-99\n\
        ee :0@0 master,noaddr - 0 0 4 disconnected\n";

    #[test]
    fn a_node_is_the_master_of_the_slots_that_it_says_are_its_own() {
        let testimony = Testimony::of(Some(NODES), Some("cluster_state:ok\r\n")).unwrap();
        for (slot, own) in [(0, false), (9, false), (99, false), (100, true), (7_999, true), (8_000, false)] {
            assert_eq!(testimony.is_master_of(slot), own, "{slot}");
        }
    }

    #[test]
    fn a_replica_is_the_master_of_none() {
        let nodes = NODES.replace("myself,", "").replace(" slave ", " myself,slave ");
        let testimony = Testimony::of(Some(&nodes), Some("cluster_state:ok\r\n")).unwrap();
        assert!((0..16_384).all(|slot| !testimony.is_master_of(slot)));
    }

    #[test]
    fn a_node_that_takes_no_requests_is_the_master_of_none() {
        let testimony = Testimony::of(Some(NODES), Some("cluster_state:fail\r\n")).unwrap();
        assert!((0..16_384).all(|slot| !testimony.is_master_of(slot)));
    }

    #[test]
    fn masters_are_visited_in_the_order_of_their_lowest_slots() {
        let testimony = Testimony::of(Some(NODES), Some("cluster_state:ok\r\n")).unwrap();
        let visited: Vec<_> = std::iter::successors(Some(0), |slot| testimony.after(*slot)).collect();
        assert_eq!(visited, [0, 100, 8_000]);
    }

    #[test]
    fn what_is_no_answer_of_a_cluster_is_no_testimony() {
        for (nodes, info) in [
            ("", "cluster_state:ok"),
            ("aa host master - 0 0 1 connected 0-1", "cluster_state:ok"),
            ("aa host myself,master - 0 0 1 connected 0-1", ""),
            ("aa host myself,master - 0 0 1 connected 0-none", "cluster_state:ok"),
        ] {
            assert!(Testimony::of(Some(nodes), Some(info)).is_none(), "{nodes} {info}");
        }
    }
}
