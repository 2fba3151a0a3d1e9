//! The subprotocol of a WebSocket that carries AMQP, on the side of the server (OASIS amqp-wsb v1.0 CS01).

use amqp_proto::extensions::websocket::SUBPROTOCOL;
use tungstenite::{
    handshake::server::{ErrorResponse, Request, Response},
    http::{HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
};

/// Chooses the subprotocol, or refuses a client that does not offer it.
#[expect(clippy::result_large_err, reason = "the type of the callback")]
pub fn choose(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let mut names = offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    if !names.any(|name| name.trim() == SUBPROTOCOL) {
        let mut refusal = ErrorResponse::new(Some("the subprotocol is amqp".into()));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return Err(refusal);
    }
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    Ok(response)
}
