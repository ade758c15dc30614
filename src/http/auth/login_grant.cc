#include "http/auth/login_grant.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "http/http_exchange.h"

namespace trolley::internal {
namespace {

constexpr auto kTryAgain = std::chrono::seconds(10);

}  // namespace

std::vector<std::string> GrantAuthenticator::Headers(const AuthRequest& request) {
  Lock lock(mutex_);
  if (!needed_) {
    return {};
  }
  const auto held = Usable(lock, request.context);
  return Lines(held->grant, request.url);
}

bool GrantAuthenticator::Renew(const AuthRequest& request, const HttpHead&, const std::vector<std::string>& sent) {
  const Lock lock(mutex_);
  if (!needed_) {
    needed_ = true;
    return true;
  }
  if (held_ == nullptr) {
    return true;  // dropped already by another request that was refused
  }
  const std::vector<std::string> lines = Lines(held_->grant, request.url);
  if (lines.empty()) {
    LogWarning(StrCat("The login gave no cookie for the host of ", UrlForLog(request.url)));
    return false;
  }
  if (lines != sent) {
    return true;
  }
  // A server that refuses what it has just given would refuse the next one too.
  if (options_.now() - held_->since < options_.min_age) {
    return false;
  }
  held_.reset();
  return true;
}

std::shared_ptr<const GrantAuthenticator::Held> GrantAuthenticator::Usable(Lock& lock, const Context& context) {
  while (true) {
    const auto now = options_.now();
    const bool valid = held_ != nullptr && (!held_->grant.expires || now < *held_->grant.expires);
    const bool due = valid && held_->grant.renew_at && now >= *held_->grant.renew_at;
    if (valid && (!due || busy_ || (next_try_ && now < *next_try_))) {
      return held_;
    }
    if (busy_) {
      WaitForRound(lock, context);
      continue;
    }
    try {
      return Obtain(lock, context);
    } catch (const Error& error) {
      if (!valid || held_ == nullptr || error.code() == ErrorCode::kCancelled) {
        throw;
      }
      LogWarning(error.what());  // what we have is good for a while
      next_try_ = now + kTryAgain;
    }
  }
}

// Throws what the round threw that is under way.
void GrantAuthenticator::WaitForRound(Lock& lock, const Context& context) {
  const uint64_t round = rounds_;
  const bool ended =
      changed_.wait_until(lock, context.stop, context.deadline, [this, round] { return rounds_ != round; });
  if (!ended) {
    context.Check("wait for a login to the archive");
  } else if (failure_) {
    throw Error(*failure_);
  }
}

std::shared_ptr<const GrantAuthenticator::Held> GrantAuthenticator::Obtain(Lock& lock, const Context& context) {
  struct Round {  // ends however it is left
    GrantAuthenticator& self;
    Lock& lock;
    ~Round() {
      if (!lock.owns_lock()) {
        lock.lock();
      }
      self.busy_ = false;
      ++self.rounds_;
      self.changed_.notify_all();
    }
  };
  busy_ = true;
  const Round round{*this, lock};
  lock.unlock();
  try {
    auto held = ObtainUnlocked(context);
    lock.lock();
    held_ = held;
    failure_.reset();
    refusal_.reset();
    next_try_.reset();
    return held;
  } catch (const Error& error) {
    if (!lock.owns_lock()) {
      lock.lock();
    }
    // When this caller gives up, one of those who wait takes over.
    const bool own = error.code() == ErrorCode::kCancelled ||
                     (error.code() == ErrorCode::kTimedOut && Clock::now() >= context.deadline);
    failure_ = own ? std::nullopt : std::optional(error);
    throw;
  }
}

std::shared_ptr<const GrantAuthenticator::Held> GrantAuthenticator::ObtainUnlocked(const Context& context) {
  std::vector<std::string> secrets = login_->Secrets();
  const auto now = options_.now();
  {
    const Lock lock(mutex_);
    if (refusal_ && refusal_->secrets == secrets && now < refusal_->until) {
      throw Error(refusal_->error);
    }
  }
  const Context limited{context.stop, std::min(context.deadline, Clock::now() + options_.timeout)};
  try {
    return std::make_shared<const Held>(Held{login_->Obtain(secrets, limited), now});
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kAccessDenied) {
      const Lock lock(mutex_);
      refusal_ = Refusal{std::move(secrets), error, now + options_.refused_wait};
    }
    throw;
  }
}

std::vector<std::string> GrantAuthenticator::Lines(const Grant& grant, const std::string& url) {
  std::vector<std::string> lines;
  if (!grant.line.empty()) {
    lines.push_back(grant.line);
  }
  if (std::string cookies = grant.cookies.Line(url); !cookies.empty()) {
    lines.push_back(std::move(cookies));
  }
  return lines;
}

HttpOptions LoginConnection(const LoginOptions& options, const std::string& url) {
  HttpOptions http = options.http;
  http.auth = nullptr;
  const auto origin = HttpOrigin(url);
  const bool at_home = std::any_of(http.home.begin(), http.home.end(),
                                   [&origin](const std::string& home) { return HttpOrigin(home) == origin; });
  if (!at_home) {
    http.headers.clear();
    http.client_certificate = {};
  }
  http.home = {url};
  return http;
}

}  // namespace trolley::internal
