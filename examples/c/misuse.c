// What a caller can do wrong, each a status and no more; then a client and a server of one process, joined in memory.
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "amqp_engine.h"

#ifdef NDEBUG
#error "the assertions are the test"
#endif

static void refuses_null_and_wrong_lengths(void) {
    uint8_t buffer[8];
    uint64_t number = 7;
    size_t length = 7;
    AmqpEvent event;
    assert(amqp_client(NULL, "host") == NULL);
    assert(amqp_client("client", NULL) == NULL);
    assert(amqp_client("\xff", "host") == NULL);
    assert(amqp_server(NULL) == NULL);
    amqp_free(NULL);
    assert(amqp_open(NULL) == AMQP_STATUS_INVALID);
    assert(amqp_close(NULL) == AMQP_STATUS_INVALID);
    assert(amqp_is_closed(NULL));
    assert(amqp_timeout(NULL, 0) == UINT64_MAX);
    assert(amqp_poll_event(NULL, &event) == AMQP_STATUS_INVALID);
    assert(amqp_input(NULL, 0, buffer, sizeof buffer) == AMQP_STATUS_INVALID);

    AmqpEngine *engine = amqp_client("client", "host");
    assert(engine != NULL);
    assert(amqp_input(engine, 0, NULL, 3) == AMQP_STATUS_INVALID);
    assert(amqp_input(engine, 0, buffer, (size_t)-1) == AMQP_STATUS_INVALID);
    assert(amqp_output(engine, 0, NULL, 8, &length) == AMQP_STATUS_INVALID && length == 0);
    assert(amqp_output(engine, 0, buffer, (size_t)-1, &length) == AMQP_STATUS_INVALID);
    assert(amqp_output(engine, 0, buffer, sizeof buffer, NULL) == AMQP_STATUS_INVALID);
    assert(amqp_poll_event(engine, NULL) == AMQP_STATUS_INVALID);
    assert(amqp_poll_event(engine, &event) == AMQP_STATUS_NONE);
    assert(amqp_attach_sender(engine, NULL, &number) == AMQP_STATUS_INVALID);
    assert(amqp_attach_sender(engine, "\xff", &number) == AMQP_STATUS_INVALID);
    assert(amqp_send(engine, 99, buffer, sizeof buffer, &number) == AMQP_STATUS_INVALID);
    assert(amqp_accept(engine, 99) == AMQP_STATUS_INVALID);
    assert(amqp_open(engine) == AMQP_STATUS_OK);
    assert(amqp_open(engine) == AMQP_STATUS_FAILED);
    amqp_free(engine);
}

// Moves output of one end to the other, a few bytes at a time.
static void carry(AmqpEngine *from, AmqpEngine *to, uint64_t now) {
    uint8_t buffer[100];
    size_t length;
    while (amqp_output(from, now, buffer, sizeof buffer, &length) == AMQP_STATUS_OK && length > 0) {
        assert(amqp_input(to, now, buffer, length) == AMQP_STATUS_OK);
    }
}

static void joins_a_client_and_a_server(void) {
    AmqpEngine *client = amqp_client("client", "host"), *server = amqp_server("server");
    uint64_t link, delivery;
    int messages = 0, accepted = 0, closed = 0;
    assert(amqp_open(client) == AMQP_STATUS_OK);
    assert(amqp_attach_sender(client, "queue", &link) == AMQP_STATUS_OK);
    assert(amqp_send(client, link, (const uint8_t *)"early", 5, &delivery) != AMQP_STATUS_OK);
    for (uint64_t now = 0; now < 20; now++) {
        AmqpEvent event;
        carry(client, server, now);
        carry(server, client, now);
        while (amqp_poll_event(client, &event) == AMQP_STATUS_OK) {
            if (event.kind == AMQP_EVENT_KIND_READY) {
                assert(event.link == link);
                assert(amqp_send(client, link, (const uint8_t *)"hello", 5, &delivery) == AMQP_STATUS_OK);
            } else if (event.kind == AMQP_EVENT_KIND_ACCEPTED) {
                assert(event.delivery == delivery);
                accepted += (int)event.count;
                assert(amqp_close(client) == AMQP_STATUS_OK);
            }
            closed += event.kind == AMQP_EVENT_KIND_CLOSED;
        }
        while (amqp_poll_event(server, &event) == AMQP_STATUS_OK) {
            if (event.kind == AMQP_EVENT_KIND_MESSAGE) {
                assert(event.body_len == 5 && memcmp(event.body, "hello", 5) == 0);
                assert(amqp_accept(server, event.delivery) == AMQP_STATUS_OK);
                assert(amqp_accept(server, event.delivery) == AMQP_STATUS_INVALID);
                messages++;
            }
            closed += event.kind == AMQP_EVENT_KIND_CLOSED;
        }
    }
    assert(messages == 1 && accepted == 1 && closed == 2);
    assert(amqp_is_closed(client) && amqp_is_closed(server));
    amqp_free(client);
    amqp_free(server);
}

int main(void) {
    refuses_null_and_wrong_lengths();
    joins_a_client_and_a_server();
    puts("every misuse was refused, and a message arrived");
    return 0;
}
