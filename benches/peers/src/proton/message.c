// The typical message: message-id, to, subject, four application-properties, 256 bytes of data.
#include "pair.h"

#include <proton/codec.h>
#include <proton/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 4096

typedef struct messages {
    pn_message_t *message;
    char data[256], encoded[ROOM];
    size_t size;
    volatile uint64_t seen;
} messages;

static pn_bytes_t text(const char *s) {
    return pn_bytes(strlen(s), s);
}

static void build(messages *m, uint64_t number) {
    pn_message_t *message = m->message;
    pn_message_clear(message);
    pn_data_put_ulong(pn_message_id(message), number);
    pn_message_set_address(message, "amqp://broker.example.com/queue/orders");
    pn_message_set_subject(message, "order.created");
    pn_data_t *properties = pn_message_properties(message);
    pn_data_put_map(properties);
    pn_data_enter(properties);
    pn_data_put_string(properties, text("tenant"));
    pn_data_put_string(properties, text("acme-corp"));
    pn_data_put_string(properties, text("seq"));
    pn_data_put_ulong(properties, number);
    pn_data_put_string(properties, text("priority"));
    pn_data_put_int(properties, 5);
    pn_data_put_string(properties, text("retry"));
    pn_data_put_bool(properties, false);
    pn_data_exit(properties);
    pn_message_set_inferred(message, true);
    pn_data_put_binary(pn_message_body(message), pn_bytes(sizeof m->data, m->data));
}

static void encode(messages *m) {
    m->size = ROOM;
    if (pn_message_encode(m->message, m->encoded, &m->size)) die("a message was not encoded");
}

static void decode(messages *m) {
    if (pn_message_decode(m->message, m->encoded, m->size)) die("a message was not decoded");
}

static uint64_t application_properties(pn_data_t *properties) {
    uint64_t seen = 0;
    pn_data_rewind(properties);
    if (!pn_data_next(properties)) return 0;
    pn_data_enter(properties);
    while (pn_data_next(properties)) {
        switch (pn_data_type(properties)) {
        case PN_STRING: seen += pn_data_get_string(properties).size; break;
        case PN_ULONG: seen += pn_data_get_ulong(properties); break;
        case PN_INT: seen += (uint64_t)pn_data_get_int(properties); break;
        case PN_BOOL: seen += pn_data_get_bool(properties); break;
        default: die("an application-property of another type");
        }
    }
    pn_data_exit(properties);
    return seen;
}

static uint64_t read_all(pn_message_t *message) {
    pn_data_t *id = pn_message_id(message), *body = pn_message_body(message);
    uint64_t seen = (uint64_t)pn_message_get_address(message)[0] + (uint64_t)pn_message_get_subject(message)[0];
    pn_data_rewind(id);
    if (pn_data_next(id)) seen += pn_data_get_ulong(id);
    seen += application_properties(pn_message_properties(message));
    pn_data_rewind(body);
    if (pn_data_next(body)) seen += pn_data_get_binary(body).size;
    return seen;
}

messages *peers_messages(void) {
    messages *m = calloc(1, sizeof *m);
    if (!m) die("no memory");
    m->message = pn_message();
    memset(m->data, 'x', sizeof m->data);
    build(m, 70000);
    encode(m);
    return m;
}

void peers_free_messages(messages *m) {
    pn_message_free(m->message);
    free(m);
}

void peers_message_encode(messages *m, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        build(m, 70000 + i);
        encode(m);
    }
}

void peers_message_decode_all(messages *m, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        decode(m);
        m->seen += read_all(m->message);
    }
}

void peers_message_decode_one(messages *m, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        decode(m);
        m->seen += (uint64_t)pn_message_get_address(m->message)[0];
    }
}

const char *peers_version(void) {
    static char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", PN_VERSION_MAJOR, PN_VERSION_MINOR, PN_VERSION_POINT);
    return version;
}
