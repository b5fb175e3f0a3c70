//! The worker: says the time once a minute, until it is told to end.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{signal, SignalKind};
use tokio::time::timeout;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let mut term = signal(SignalKind::terminate())?;
    loop {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        println!("tick {now}");
        if timeout(Duration::from_secs(60), term.recv()).await.is_ok() {
            return Ok(());
        }
    }
}
