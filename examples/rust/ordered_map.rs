//! Fetch pages, several at once, and use them in the order of their addresses.

use std::time::Duration;

use futures::executor::block_on;
use futures::stream::{self, StreamExt};
use futures_timer::Delay;
use inorder::{InOrderExt, Options};

/// How long each takes, in milliseconds: the first is the slowest, and holds up nobody but its own place.
const PAGES: [(&str, u64); 6] =
    [("/home", 60), ("/news", 10), ("/about", 30), ("/jobs", 20), ("/help", 5), ("/legal", 15)];

/// Stands for a request.
async fn fetch((path, milliseconds): (&str, u64)) -> String {
    Delay::new(Duration::from_millis(milliseconds)).await;
    format!("{path} after {milliseconds} ms")
}

/// Three requests at once; the pages come as the addresses stand.
fn main() {
    block_on(async {
        let mut pages = stream::iter(PAGES).in_order_map(Options::new().concurrency(3), fetch);
        while let Some(page) = pages.next().await {
            println!("{page}");
        }
    });
}
