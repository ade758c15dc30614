// A slot owns one curl multi handle, and with it the connections that its exchanges leave open.
#include "http/http_slot.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <new>

#include "base/sigpipe_block.h"
#include "base/text.h"
#include "http/http_transfer.h"
#include "trolley/error.h"

namespace trolley::internal {
namespace {

void InitialiseOnce() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) {
    throw Error(ErrorCode::kUnavailable, StrCat("Cannot initialise libcurl: ", curl_easy_strerror(code)));
  }
}

}  // namespace

class HttpSlot::Impl {
 public:
  explicit Impl(const HttpOptions& options) : options_(options) {
    InitialiseOnce();
    multi_ = curl_multi_init();
    if (multi_ == nullptr) {
      throw std::bad_alloc();
    }
  }
  ~Impl() { curl_multi_cleanup(multi_); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  HttpHead Perform(const HttpExchange& exchange, const Context& context) {
    const SigpipeBlock block;
    for (bool fresh = false;; fresh = true) {
      HttpTransfer transfer(options_, exchange, context);
      transfer.SetUp(fresh, this, &OpenSocket, &CloseSocket);
      struct Current {
        HttpTransfer*& slot;
        ~Current() { slot = nullptr; }
      } const current{current_};
      current_ = &transfer;
      const CURLcode code = transfer.Run(multi_);
      if (const auto took = transfer.ConnectTime(); took && exchange.on_connect) {
        exchange.on_connect(*took);
      }
      if (fresh || !transfer.IsStaleConnection(code)) {
        transfer.ThrowIfFailed(code);
        return transfer.MoveHead();
      }
    }
  }

 private:
  static curl_socket_t OpenSocket(void*, curlsocktype, curl_sockaddr* address) {
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }
  // Connections outlive the transfer that opened them, so the slot receives this call.
  static int CloseSocket(void* self, curl_socket_t socket) {
    if (HttpTransfer* const transfer = static_cast<Impl*>(self)->current_; transfer != nullptr) {
      transfer->OnClose(socket);
    }
    return ::close(socket);
  }

  const HttpOptions& options_;
  CURLM* multi_ = nullptr;
  HttpTransfer* current_ = nullptr;
};

HttpSlot::HttpSlot(const HttpOptions& options) : impl_(std::make_unique<Impl>(options)) {}
HttpSlot::~HttpSlot() = default;

HttpHead HttpSlot::Perform(const HttpExchange& exchange, const Context& context) {
  return impl_->Perform(exchange, context);
}

}  // namespace trolley::internal
