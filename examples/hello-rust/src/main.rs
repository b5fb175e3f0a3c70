//! The web process: greets whoever asks.

use axum::{response::Html, routing::get, Router};
use std::{env, fs};
use tokio::signal::unix::{signal, SignalKind};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let page = fs::read_to_string("templates/hello.html")?;
    let port = env::var("PORT").unwrap_or_else(|_| "3000".into());
    let listener = tokio::net::TcpListener::bind(format!("0.0.0.0:{port}")).await?;
    let mut term = signal(SignalKind::terminate())?;
    let app = Router::new().route("/", get(move || hello(page)));
    println!("listening on {port}");
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            term.recv().await;
        })
        .await
}

async fn hello(page: String) -> Html<String> {
    Html(page.replace("{greeting}", "Hello"))
}
