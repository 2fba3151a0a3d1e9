// An AMQP 1.0 engine without I/O. Made by cbindgen from src/lib.rs; do not edit.

#ifndef AMQP_ENGINE_H
#define AMQP_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The result of a call.
typedef enum AmqpStatus {
  // It is done.
  AMQP_STATUS_OK,
  // Not now: without credit, or with too much output. An event of the kind READY follows.
  AMQP_STATUS_AGAIN,
  // There is no event.
  AMQP_STATUS_NONE,
  // A pointer is null, a length is no length, a text is not UTF-8, or a number names nothing.
  AMQP_STATUS_INVALID,
  // The engine refuses it: the connection or link is not open, or the message is too large.
  AMQP_STATUS_FAILED,
  // A bug: the call has panicked. The handle can only be freed.
  AMQP_STATUS_PANICKED,
} AmqpStatus;

// The kind of an event.
typedef enum AmqpEventKind {
  // The connection is open.
  AMQP_EVENT_KIND_OPEN,
  // A message can be sent on the link.
  AMQP_EVENT_KIND_READY,
  // A message has arrived on the link: accept its delivery.
  AMQP_EVENT_KIND_MESSAGE,
  // Messages of ours were accepted.
  AMQP_EVENT_KIND_ACCEPTED,
  // Messages of ours were rejected, released, modified, or settled without an outcome.
  AMQP_EVENT_KIND_REFUSED,
  // The connection, a session or a link has failed; the text has the reason.
  AMQP_EVENT_KIND_ERROR,
  // The connection has ended without an error.
  AMQP_EVENT_KIND_CLOSED,
  // Another event; the text has its name.
  AMQP_EVENT_KIND_OTHER,
} AmqpEventKind;

typedef struct AmqpEngine AmqpEngine;

// An event. What it points to is valid until the next call with the same handle.
typedef struct AmqpEvent {
  enum AmqpEventKind kind;
  uint64_t link;
  // The first delivery, and the number of deliveries, which have consecutive numbers.
  uint64_t delivery;
  uint64_t count;
  // The event's name, and its error.
  const char *text;
  // The body of a message, if it is of bytes.
  const uint8_t *body;
  size_t body_len;
} AmqpEvent;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Makes the engine of a client. Returns null for texts that are null or not UTF-8. Free it with `amqp_free`.
//
// A peer that is silent for 60 s fails the connection. Credit and outcomes have no deadline: those are the caller's.
//
// # Safety
// The texts are null or end with a NUL.
struct AmqpEngine *amqp_client(const char *container_id,
                               const char *hostname);

// Makes the engine of a server, as `amqp_client` does. It accepts whatever links its client asks for.
//
// # Safety
// The text is null or ends with a NUL.
struct AmqpEngine *amqp_server(const char *container_id);

// Frees a handle. Null is allowed.
//
// # Safety
// The handle is null, or one that is not freed and never used again.
void amqp_free(struct AmqpEngine *engine);

// Opens the connection.
//
// # Safety
// The handle is one that is not freed and not in use elsewhere, or null.
enum AmqpStatus amqp_open(struct AmqpEngine *engine);

// Closes the connection. The output has to be written, and CLOSED follows.
//
// # Safety
// The handle is one that is not freed and not in use elsewhere, or null.
enum AmqpStatus amqp_close(struct AmqpEngine *engine);

// Returns true when all is over: close the transport.
//
// # Safety
// The handle is one that is not freed and not in use elsewhere, or null.
bool amqp_is_closed(struct AmqpEngine *engine);

// Attaches a link to send to an address, and stores its number.
//
// # Safety
// As for `amqp_open`. The text is null or ends with a NUL, and `link` is null or a place for a number.
enum AmqpStatus amqp_attach_sender(struct AmqpEngine *engine,
                                   const char *address,
                                   uint64_t *link);

// Attaches a link to receive from an address, and stores its number. The peer may be `credit` messages ahead.
//
// # Safety
// As for `amqp_attach_sender`.
enum AmqpStatus amqp_attach_receiver(struct AmqpEngine *engine,
                                     const char *address,
                                     uint32_t credit,
                                     uint64_t *link);

// Sends a message with these bytes as its body, and stores the number of its delivery. AGAIN without credit.
//
// # Safety
// As for `amqp_open`. The body is null or as many bytes, and `delivery` is null or a place for a number.
enum AmqpStatus amqp_send(struct AmqpEngine *engine,
                          uint64_t link,
                          const uint8_t *body,
                          size_t body_len,
                          uint64_t *delivery);

// Accepts a message.
//
// # Safety
// The handle is one that is not freed and not in use elsewhere, or null.
enum AmqpStatus amqp_accept(struct AmqpEngine *engine, uint64_t delivery);

// Passes bytes that were read. `now` is in milliseconds, of a clock that never goes back.
//
// Input that cannot be taken yet is kept: call it again, with no bytes, after events and output.
//
// # Safety
// As for `amqp_open`. The input is null or as many bytes.
enum AmqpStatus amqp_input(struct AmqpEngine *engine,
                           uint64_t now,
                           const uint8_t *input,
                           size_t input_len);

// Notes the end of the input.
//
// # Safety
// The handle is one that is not freed and not in use elsewhere, or null.
enum AmqpStatus amqp_end_of_input(struct AmqpEngine *engine, uint64_t now);

// Notes that output cannot be written.
//
// # Safety
// The handle is one that is not freed and not in use elsewhere, or null.
enum AmqpStatus amqp_output_lost(struct AmqpEngine *engine, uint64_t now);

// Fills the buffer with output, and stores the number of bytes: 0 if there is none. They count as written.
//
// # Safety
// As for `amqp_open`. The buffer is null or has the capacity, and `written` is null or a place for a number.
enum AmqpStatus amqp_output(struct AmqpEngine *engine,
                            uint64_t now,
                            uint8_t *buffer,
                            size_t capacity,
                            size_t *written);

// Stores the next event. NONE if there is none.
//
// # Safety
// As for `amqp_open`. The event is null or a place for one.
enum AmqpStatus amqp_poll_event(struct AmqpEngine *engine, struct AmqpEvent *event);

// Returns the milliseconds until `amqp_handle_timeout` is due, and UINT64_MAX if it never is.
//
// # Safety
// The handle is one that is not freed and not in use elsewhere, or null.
uint64_t amqp_timeout(struct AmqpEngine *engine, uint64_t now);

// Handles what is due.
//
// # Safety
// The handle is one that is not freed and not in use elsewhere, or null.
enum AmqpStatus amqp_handle_timeout(struct AmqpEngine *engine, uint64_t now);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* AMQP_ENGINE_H */
