// A client in C: sends messages to a broker, receives them again, and accepts them. Blocking sockets, one thread.
//
//     ./build && ./amqp_client 127.0.0.1 5672 queue
//
// The loop is that of the crate's documentation: events, then output, then wait for input or a deadline.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "amqp_engine.h"

// PATIENCE is in milliseconds.
enum { COUNT = 10, CREDIT = 10, PATIENCE = 30000 };

static int sent, accepted, received;

// The time of the last event.
static uint64_t last_event;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void fail(const char *what) {
    fprintf(stderr, "amqp_client: %s\n", what);
    exit(1);
}

// Ends the program if a call fails that cannot.
static void check(AmqpStatus status, const char *what) {
    if (status != AMQP_STATUS_OK) fail(what);
}

static int dial(const char *host, const char *port) {
    char *rest;
    long number = strtol(port, &rest, 10);
    if (*port == '\0' || *rest != '\0' || number < 1 || number > UINT16_MAX) fail("not a port");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail("not an address of IPv4");
    int file = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    // On Linux it counts for the connect as well.
    struct timeval patience = {.tv_sec = PATIENCE / 1000};
    setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (file < 0 || connect(file, (struct sockaddr *)&address, sizeof address) != 0) {
        // Which is how Linux says that the time is up.
        fail(strerror(errno == EINPROGRESS ? ETIMEDOUT : errno));
    }
    // Without it the kernel holds back small frames until the peer has acknowledged earlier ones.
    setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return file;
}

// Sends as far as the peer's credit reaches. The event READY follows when there is more.
static void send_all(AmqpEngine *engine, uint64_t link) {
    while (sent < COUNT) {
        char body[32];
        uint64_t delivery;
        int length = snprintf(body, sizeof body, "message %d from C", sent);
        AmqpStatus status = amqp_send(engine, link, (const uint8_t *)body, (size_t)length, &delivery);
        if (status == AMQP_STATUS_AGAIN) return;
        check(status, "a message cannot be sent");
        sent++;
    }
}

static void on_event(AmqpEngine *engine, const AmqpEvent *event) {
    switch (event->kind) {
    case AMQP_EVENT_KIND_READY:
        send_all(engine, event->link);
        break;
    case AMQP_EVENT_KIND_MESSAGE:
        // The queue has those back that stay without an outcome.
        if (received == COUNT) return;
        printf("received: %.*s\n", (int)event->body_len, (const char *)event->body);
        check(amqp_accept(engine, event->delivery), "a message cannot be accepted");
        received++;
        break;
    case AMQP_EVENT_KIND_ACCEPTED:
        accepted += (int)event->count;
        break;
    case AMQP_EVENT_KIND_REFUSED:
    case AMQP_EVENT_KIND_ERROR:
        fail(event->text);
        break;
    default:
        printf("%s\n", event->text);
        return;
    }
    if (accepted == COUNT && received == COUNT) check(amqp_close(engine), "the connection cannot be closed");
}

// Output that the engine has handed over, and the socket has not taken yet.
static uint8_t output[16384];
static size_t output_start, output_end;

static bool is_output_left(void) { return output_start < output_end; }

// Writes what the socket takes without waiting: both ends may be writing, and each has to read.
static void flush(AmqpEngine *engine, int file) {
    for (;;) {
        if (!is_output_left()) {
            output_start = output_end = 0;
            AmqpStatus status = amqp_output(engine, now(), output, sizeof output, &output_end);
            if (status != AMQP_STATUS_OK || output_end == 0) return;
        }
        ssize_t count = send(file, output + output_start, output_end - output_start, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count >= 0) {
            output_start += (size_t)count;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
            return;
        } else {
            // The peer's last frames may still be there to read.
            amqp_output_lost(engine, now());
            output_start = output_end = 0;
        }
    }
}

// Handles events and writes output until there is neither: written output makes room, which may raise events.
static void drain(AmqpEngine *engine, int file) {
    AmqpEvent event;
    bool again = true;
    while (again) {
        again = false;
        while (amqp_poll_event(engine, &event) == AMQP_STATUS_OK) {
            on_event(engine, &event);
            last_event = now();
            again = true;
        }
        flush(engine, file);
        // What the engine had no room for before.
        amqp_input(engine, now(), (const uint8_t *)"", 0);
    }
}

int main(int count, char **arguments) {
    if (count != 4) fail("the arguments are HOST PORT ADDRESS");
    AmqpEngine *engine = amqp_client("c-client", arguments[1]);
    if (engine == NULL) fail("the arguments are no UTF-8");
    int file = dial(arguments[1], arguments[2]);
    uint64_t sender, receiver;
    check(amqp_open(engine), "open");
    check(amqp_attach_sender(engine, arguments[3], &sender), "attach");
    check(amqp_attach_receiver(engine, arguments[3], CREDIT, &receiver), "attach");
    last_event = now();
    for (;;) {
        drain(engine, file);
        if (amqp_is_closed(engine) && !is_output_left()) break;
        // Heartbeats are no progress: a queue that gives neither credit nor messages is waited for so long.
        uint64_t silence = now() - last_event;
        if (silence >= PATIENCE) fail("the peer gave neither credit nor messages in time: see its log");
        uint64_t timeout = amqp_timeout(engine, now()), left = PATIENCE - silence;
        struct pollfd ready = {.fd = file, .events = is_output_left() ? POLLIN | POLLOUT : POLLIN};
        int found = poll(&ready, 1, (int)(timeout < left ? timeout : left));
        // A peer that does not read the last output keeps nobody.
        if (found == 0 && amqp_is_closed(engine)) break;
        if (found > 0 && (ready.revents & ~POLLOUT)) {
            uint8_t block[4096];
            ssize_t length = recv(file, block, sizeof block, 0);
            if (length > 0) {
                amqp_input(engine, now(), block, (size_t)length);
            } else {
                amqp_end_of_input(engine, now());
            }
        }
        amqp_handle_timeout(engine, now());
    }
    amqp_free(engine);
    close(file);
    printf("%d sent, %d accepted, %d received\n", sent, accepted, received);
    if (fflush(stdout) != 0 || ferror(stdout)) fail("standard output takes no more");
    return accepted == COUNT && received == COUNT ? 0 : 1;
}
