// Proton's C++ API as a client, and as a server whose addresses are tasks (see server.py for these).
//
//   proton-cpp send|receive --port P [--address A] [--count N] [--size B] [--settled] [--drain]
//     [--sasl none|anonymous|plain|scram-sha-1|...] [--user U] [--password P] [--max-frame-size N] [--idle-timeout MS]
//   proton-cpp server --port P [--sasl any|plain|scram-sha-1|...] [--max-frame-size N] [--idle-timeout MS]
//
// The same options, bodies and lines of JSON as client.py and server.py. The users are those of the SASL database that
// PN_SASL_CONFIG_PATH leads to.


#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <proton/binary.hpp>
#include <proton/connection.hpp>
#include <proton/connection_options.hpp>
#include <proton/container.hpp>
#include <proton/delivery.hpp>
#include <proton/duration.hpp>
#include <proton/error_condition.hpp>
#include <proton/link.hpp>
#include <proton/listen_handler.hpp>
#include <proton/listener.hpp>
#include <proton/message.hpp>
#include <proton/message_id.hpp>
#include <proton/messaging_handler.hpp>
#include <proton/receiver.hpp>
#include <proton/receiver_options.hpp>
#include <proton/reconnect_options.hpp>
#include <proton/sender.hpp>
#include <proton/sender_options.hpp>
#include <proton/session.hpp>
#include <proton/source.hpp>
#include <proton/source_options.hpp>
#include <proton/target.hpp>
#include <proton/target_options.hpp>
#include <proton/tracker.hpp>
#include <proton/transport.hpp>
#include <proton/value.hpp>
#include <proton/work_queue.hpp>

namespace {

constexpr std::size_t SHORT = 64;
constexpr int CREDIT = 200;

struct Options {
    std::map<std::string, std::string> words;

    bool has(const std::string& name) const { return words.count(name) != 0; }
    std::string text(const std::string& name, const std::string& otherwise) const {
        const auto found = words.find(name);
        return found == words.end() ? otherwise : found->second;
    }
    std::size_t number(const std::string& name, std::size_t otherwise) const {
        return has(name) ? std::stoul(words.at(name)) : otherwise;
    }
};

// The body of message number n: its number, then a run of letters that depends on it.
std::string text(std::size_t n, std::size_t size) {
    std::string number = std::to_string(n);
    number.insert(0, 10 - number.size(), '0');
    std::string body = number.substr(number.size() - std::min(size, number.size()));
    for (std::size_t letter = n; body.size() < size; ++letter) body += static_cast<char>('a' + letter % 26);
    return body;
}

proton::message numbered(std::size_t n, std::size_t size) {
    const std::string body = text(n, size);
    proton::message message;
    message.id(static_cast<std::uint64_t>(n));
    if (size <= SHORT) {
        message.body(body);
    } else {
        message.body(proton::binary(body));
        message.inferred(true);
    }
    return message;
}

// What is wrong with a body, if anything, when number n is due. Of one that another program made up (any) only the size
// is known, and that it begins with its number.
std::string wrong(const proton::message& message, std::size_t n, std::size_t size, bool any) {
    std::string got;
    if (message.body().type() == proton::STRING) {
        got = proton::get<std::string>(message.body());
    } else if (message.body().type() == proton::BINARY) {
        const proton::binary bytes = proton::get<proton::binary>(message.body());
        got.assign(bytes.begin(), bytes.end());
    } else {
        return "message " + std::to_string(n) + ": a body that is neither string nor binary";
    }
    const std::size_t same = any ? std::min<std::size_t>(size, 10) : size;
    if (got.size() == size && got.compare(0, same, text(n, size), 0, same) == 0) return "";
    return "message " + std::to_string(n) + ": " + std::to_string(got.size()) + " bytes " + got.substr(0, 16);
}

proton::connection_options limits(const Options& given) {
    proton::connection_options options;
    options.sasl_allow_insecure_mechs(true);
    if (given.has("max-frame-size")) options.max_frame_size(static_cast<std::uint32_t>(given.number("max-frame-size", 0)));
    // Proton announces half of what it keeps to itself.
    if (given.has("idle-timeout")) options.idle_timeout(proton::duration(2 * given.number("idle-timeout", 0)));
    return options;
}

std::string upper(std::string text) {
    for (char& letter : text) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    return text;
}

[[noreturn]] void fail(const std::string& reason) {
    std::cerr << reason << std::endl;
    std::_Exit(1);
}

// What both jobs of a client share: the connection, and every way it can fail.
class Client : public proton::messaging_handler {
  public:
    explicit Client(const Options& given)
        : settled(given.has("settled")), drain(given.has("drain")), count(given.number("count", 1)), size(given.number("size", 10)),
          given(given) {}

    void on_container_start(proton::container& container) override {
        const std::string sasl = given.text("sasl", "anonymous");
        proton::connection_options options = limits(given);
        options.reconnect(proton::reconnect_options().max_attempts(1));
        if (sasl == "none") {
            options.sasl_enabled(false);
        } else {
            options.sasl_enabled(true).sasl_allowed_mechs(upper(sasl));
        }
        if (sasl != "none" && sasl != "anonymous") {
            options.user(given.text("user", "guest")).password(given.text("password", "guest"));
        }
        container.connect("127.0.0.1:" + given.text("port", ""), options);
    }

    void on_error(const proton::error_condition& error) override {
        if (!over) fail(error.what());
    }

  protected:
    proton::delivery_mode mode() const {
        return settled ? proton::delivery_mode::AT_MOST_ONCE : proton::delivery_mode::AT_LEAST_ONCE;
    }
    std::string address() const { return given.text("address", "queue"); }
    void finish(proton::connection connection, const std::string& line) {
        over = true;
        std::cout << line << std::endl;
        connection.close();
    }

    const bool settled, drain;
    const std::size_t count, size;
    bool over = false;

  private:
    const Options& given;
};

class Sending : public Client {
  public:
    using Client::Client;

    void on_connection_open(proton::connection& connection) override {
        connection.open_sender(address(), proton::sender_options().delivery_mode(mode()));
    }
    void on_sendable(proton::sender& sender) override {
        while (sender.credit() && sent < count) sender.send(numbered(sent++, size));
        if (settled && sent == count && !over) finish(sender.connection(), line());
    }
    void on_tracker_accept(proton::tracker& tracker) override {
        if (++accepted == count) finish(tracker.connection(), line());
    }
    void on_tracker_reject(proton::tracker&) override { fail("rejected"); }
    void on_tracker_release(proton::tracker&) override { fail("released"); }

  private:
    std::string line() const {
        return "{\"sent\": " + std::to_string(sent) + ", \"accepted\": " + std::to_string(accepted) + "}";
    }

    std::size_t sent = 0, accepted = 0;
};

class Receiving : public Client {
  public:
    using Client::Client;

    void on_connection_open(proton::connection& connection) override {
        connection.open_receiver(
            address(), proton::receiver_options().delivery_mode(mode()).credit_window(drain ? 0 : CREDIT).auto_accept(false));
    }
    void on_receiver_open(proton::receiver& receiver) override {
        if (!drain) return;
        receiver.add_credit(static_cast<std::uint32_t>(count + 5));
        receiver.drain();
    }
    void on_receiver_drain_finish(proton::receiver& receiver) override {
        if (received != count) fail("drained with " + std::to_string(received) + " messages");
        finish(receiver.connection(), line());
    }
    void on_message(proton::delivery& delivery, proton::message& message) override {
        if (received == count) fail("one message more than " + std::to_string(count));
        if (delivery.settled() != settled) fail("message " + std::to_string(received) + ": settled is another");
        const std::string fault = wrong(message, received, size, false);
        if (!fault.empty()) fail(fault);
        ++received;
        if (!settled) delivery.accept();
        if (received == count && !drain) finish(delivery.connection(), line());
    }

  private:
    std::string line() const { return "{\"received\": " + std::to_string(received) + "}"; }

    std::size_t received = 0;
};

struct Task {
    std::string address, kind, endpoint, fault;
    std::size_t count = 0, size = 0, delay = 0, done = 0, accepted = 0, settled = 0;
    bool ready = true;
};

class Server : public proton::messaging_handler {
  public:
    explicit Server(const Options& given) : given(given), listening(given) {}

    void on_container_start(proton::container& container) override {
        container.listen("127.0.0.1:" + given.text("port", ""), listening);
    }
    void on_sender_open(proton::sender& sender) override {
        const std::string address = sender.source().address();
        sender.open(proton::sender_options().source(proton::source_options().address(address)));
        Task& task = start(sender, address);
        if (task.delay != 0) {
            task.ready = false;
            sender.work_queue().schedule(proton::duration(task.delay), [this, sender]() mutable {
                tasks[sender].ready = true;
                fill(sender);
            });
        }
    }
    void on_receiver_open(proton::receiver& receiver) override {
        const std::string address = receiver.target().address();
        receiver.open(proton::receiver_options().target(proton::target_options().address(address)).credit_window(CREDIT));
        start(receiver, address);
    }
    void on_sendable(proton::sender& sender) override { fill(sender); }
    void on_sender_drain_start(proton::sender& sender) override {
        fill(sender);
        sender.return_credit();
    }
    void on_tracker_accept(proton::tracker& tracker) override { ++tasks[tracker.sender()].accepted; }
    void on_message(proton::delivery& delivery, proton::message& message) override {
        Task& task = tasks[delivery.receiver()];
        const std::string fault = wrong(message, task.done, task.size, true);
        if (task.fault.empty()) task.fault = fault;
        ++task.done;
        task.settled += delivery.settled();
    }
    void on_sender_close(proton::sender& sender) override { report(sender); }
    void on_receiver_close(proton::receiver& receiver) override { report(receiver); }
    void on_connection_close(proton::connection& connection) override { gone(connection); }
    void on_transport_close(proton::transport& transport) override { gone(transport.connection()); }
    void on_error(const proton::error_condition& error) override { std::cerr << error.what() << std::endl; }

  private:
    class Listening : public proton::listen_handler {
      public:
        explicit Listening(const Options& given) : given(given) {}
        void on_open(proton::listener& listener) override { std::cout << "READY " << listener.port() << std::endl; }
        proton::connection_options on_accept(proton::listener&) override {
            const std::string sasl = given.text("sasl", "any");
            proton::connection_options options = limits(given);
            // Without a mechanism to insist on, a bare AMQP header is taken too.
            options.sasl_enabled(true).sasl_allowed_mechs(sasl == "any" || sasl == "none" ? "ANONYMOUS" : upper(sasl));
            return options;
        }

      private:
        const Options& given;
    };

    Task& start(const proton::link& link, const std::string& address) {
        Task& task = tasks[link];
        task.address = address;
        std::vector<std::string> words;
        std::size_t from = 0;
        for (std::size_t to; (to = address.find('/', from)) != std::string::npos; from = to + 1) words.push_back(address.substr(from, to - from));
        words.push_back(address.substr(from));
        task.kind = words[0];
        if (task.kind == "fail" && words.size() > 1) {
            const proton::error_condition error("amqp:resource-limit-exceeded", "the peer has had enough");
            if (words[1] == "connection") {
                link.connection().close(error);
            } else if (words[1] == "session") {
                link.session().close(error);
            } else {
                proton::link(link).close(error);
            }
            return task;
        }
        if (words.size() > 2) {
            task.count = std::stoul(words[1]);
            task.size = std::stoul(words[2]);
            task.delay = words.size() > 3 ? std::stoul(words[3]) : 0;
        }
        return task;
    }
    void fill(proton::sender sender) {
        Task& task = tasks[sender];
        while (task.kind == "source" && task.ready && task.done < task.count && sender.credit()) {
            sender.send(numbered(task.done++, task.size));
        }
    }
    void report(const proton::link& link) {
        const auto found = tasks.find(link);
        if (found == tasks.end()) return;
        const Task task = found->second;
        tasks.erase(found);
        if (task.kind != "sink" && task.kind != "source") return;
        std::cout << "{\"address\": \"" << task.address << "\", \"done\": " << task.done << ", \"accepted\": " << task.accepted
                  << ", \"settled\": " << task.settled << ", \"wrong\": "
                  << (task.fault.empty() ? "null" : "\"" + task.fault + "\"") << "}" << std::endl;
    }
    void gone(const proton::connection& connection) {
        std::vector<proton::link> left;
        for (const auto& entry : tasks) {
            if (entry.first.connection() == connection) left.push_back(entry.first);
        }
        for (const proton::link& link : left) report(link);
    }

    const Options& given;
    Listening listening;
    std::map<proton::link, Task> tasks;
};

}  // namespace

int main(int count, char** words) {
    Options given;
    for (int at = 2; at < count; ++at) {
        const std::string name = std::string(words[at]).substr(2);
        const bool alone = at + 1 == count || std::string(words[at + 1]).rfind("--", 0) == 0;
        given.words[name] = alone ? "" : words[++at];
    }
    const std::string job = count > 1 ? words[1] : "";
    try {
        if (job == "send") {
            Sending client(given);
            proton::container(client).run();
        } else if (job == "receive") {
            Receiving client(given);
            proton::container(client).run();
        } else if (job == "server") {
            Server server(given);
            proton::container(server).run();
        } else {
            fail("send, receive or server");
        }
    } catch (const std::exception& error) {
        fail(error.what());
    }
    return 0;
}
