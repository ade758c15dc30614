#include "support/http_fake.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "support/sockets.h"

namespace trolley {

std::string ReceivedRequest::Header(const std::string& lower_case_name) const {
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? "" : found->second;
}

std::optional<ReceivedRequest> TakeRequest(std::string& buffer) {
  const size_t head_end = buffer.find("\r\n\r\n");
  if (head_end == std::string::npos) {
    return std::nullopt;
  }
  ReceivedRequest request;
  bool first = true;
  for (std::string_view line : Split(std::string_view(buffer).substr(0, head_end), '\n')) {
    line = Trim(line);
    if (first) {
      const std::vector<std::string_view> words = Split(line, ' ');
      request.method = words[0];
      request.target = words.size() > 1 ? words[1] : "";
      first = false;
      continue;
    }
    const size_t colon = std::min(line.find(':'), line.size());
    const std::string_view value = colon < line.size() ? line.substr(colon + 1) : "";
    request.headers[AsciiLower(line.substr(0, colon))] = Trim(value);
  }
  const size_t body_start = head_end + 4;
  const size_t body_size = ParseUint(request.Header("content-length")).value_or(0);
  if (buffer.size() - body_start < body_size) {
    return std::nullopt;
  }
  request.body = buffer.substr(body_start, body_size);
  request.raw = buffer.substr(0, body_start + body_size);
  buffer.erase(0, body_start + body_size);
  return request;
}

bool HttpReply::Respond(int status, const std::string& content_type, std::string_view body, const Headers& more) {
  Headers headers = {{"Content-Length", StrCat(body.size())}};
  if (!content_type.empty()) {
    headers.emplace_back("Content-Type", content_type);
  }
  headers.insert(headers.end(), more.begin(), more.end());
  return Head(status, headers) && Send(body);
}

bool HttpReply::Head(int status, const Headers& headers) {
  std::string head = StrCat("HTTP/1.1 ", status, " Status ", status, "\r\n");
  for (const auto& [name, value] : headers) {
    head += StrCat(name, ": ", value, "\r\n");
  }
  return Send(head + "\r\n");
}

bool HttpReply::Send(std::string_view bytes) {
  return socket_ && SendAll(socket_.get(), bytes, stop_);
}

bool HttpReply::Dribble(std::string_view bytes, size_t piece, std::chrono::milliseconds pause) {
  for (size_t at = 0; at < bytes.size(); at += piece) {
    if (!Send(bytes.substr(at, piece)) || !Wait(pause)) {
      return false;
    }
  }
  return true;
}

void HttpReply::Hang() {
  while (Wait(std::chrono::hours(1))) {
  }
}

bool HttpReply::Wait(std::chrono::milliseconds time) {
  std::array<pollfd, 2> events = {{{socket_.get(), POLLRDHUP, 0}, {stop_, POLLIN, 0}}};
  return socket_ && poll(events.data(), events.size(), static_cast<int>(time.count())) == 0;
}

void HttpReply::Cut() {
  Reset(socket_);
}

FakeHttpServer::FakeHttpServer(Handler handler)
    : listener_(ListenOnLoopback()),
      port_(PortOf(listener_.get())),
      stop_(eventfd(0, EFD_CLOEXEC)),
      handler_(std::move(handler)),
      acceptor_([this] { Accept(); }) {}

FakeHttpServer::~FakeHttpServer() {
  eventfd_write(stop_.get(), 1);
  acceptor_.join();
  for (std::thread& worker : workers_) {  // only the acceptor adds to them
    worker.join();
  }
}

std::string FakeHttpServer::Url(std::string_view path) const {
  return StrCat("http://127.0.0.1:", port_, path);
}

void FakeHttpServer::SetHandler(Handler handler) {
  std::lock_guard lock(mutex_);
  handler_ = std::move(handler);
}

std::vector<ReceivedRequest> FakeHttpServer::Requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

std::vector<std::string> FakeHttpServer::Targets() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> targets;
  targets.reserve(requests_.size());
  for (const ReceivedRequest& request : requests_) {
    targets.push_back(request.target);
  }
  return targets;
}

size_t FakeHttpServer::CountLocked(std::string_view part) const {
  return static_cast<size_t>(std::count_if(requests_.begin(), requests_.end(), [&](const ReceivedRequest& request) {
    return request.target.find(part) != std::string::npos;
  }));
}

size_t FakeHttpServer::CountRequests(std::string_view part) const {
  std::lock_guard lock(mutex_);
  return CountLocked(part);
}

size_t FakeHttpServer::CountConnections() const {
  std::lock_guard lock(mutex_);
  return connections_;
}

bool FakeHttpServer::WaitForRequests(size_t count, std::string_view part, std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return arrived_.wait_for(lock, timeout, [&] { return CountLocked(part) >= count; });
}

void FakeHttpServer::Accept() {
  while (true) {
    std::array<pollfd, 2> events = {{{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    poll(events.data(), events.size(), -1);
    if (events[1].revents != 0) {
      return;
    }
    UniqueFd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket) {
      continue;
    }
    const int on = 1;
    setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    size_t connection = 0;
    {
      std::lock_guard lock(mutex_);
      connection = connections_++;
    }
    workers_.emplace_back([this, connection, owned = std::make_shared<UniqueFd>(std::move(socket))] {
      Serve(std::move(*owned), connection);
    });
  }
}

void FakeHttpServer::Serve(UniqueFd socket, size_t connection) {
  std::string buffer;
  while (socket) {
    std::optional<ReceivedRequest> request = TakeRequest(buffer);
    if (!request) {
      std::array<pollfd, 2> events = {{{socket.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
      poll(events.data(), events.size(), -1);
      std::array<char, 65536> bytes{};
      const ssize_t got = events[1].revents != 0 ? 0 : recv(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (got <= 0) {
        return;
      }
      buffer.append(bytes.data(), static_cast<size_t>(got));
      continue;
    }
    Handler handler;
    {
      std::lock_guard lock(mutex_);
      request->number = requests_.size();
      request->connection = connection;
      requests_.push_back(*request);
      handler = handler_;
    }
    arrived_.notify_all();
    HttpReply reply(socket, stop_.get());
    if (handler) {
      handler(*request, reply);
    } else {
      reply.Respond(404, "text/plain", "there is nothing here\n");
    }
  }
}

}  // namespace trolley
