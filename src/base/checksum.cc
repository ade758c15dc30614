#include "base/checksum.h"

#include <sys/random.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "trolley/error.h"

namespace trolley {
namespace {

std::string Canonical(const XXH128_hash_t& hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  return {reinterpret_cast<const char*>(canonical.digest), sizeof canonical.digest};
}

}  // namespace

struct Checksum::State {
  ChecksumSecret secret;  // XXH3 refers to it while it runs
  XXH3_state_t* xxh3 = XXH3_createState();
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { XXH3_freeState(xxh3); }
};

Checksum::Checksum(const ChecksumSecret& secret) : state_(std::make_unique<State>()) {
  state_->secret = secret;
  if (state_->xxh3 == nullptr) {
    throw std::bad_alloc();
  }
  XXH3_128bits_reset_withSecret(state_->xxh3, state_->secret.data(), state_->secret.size());
}

Checksum::~Checksum() = default;
Checksum::Checksum(Checksum&&) noexcept = default;
Checksum& Checksum::operator=(Checksum&&) noexcept = default;

void Checksum::Update(std::span<const std::byte> piece) {
  XXH3_128bits_update(state_->xxh3, piece.data(), piece.size());
}

std::string Checksum::Digest() const {
  return Canonical(XXH3_128bits_digest(state_->xxh3));
}

std::string ChecksumOf(std::string_view text, const ChecksumSecret& secret) {
  return Canonical(XXH3_128bits_withSecret(text.data(), text.size(), secret.data(), secret.size()));
}

std::string ChecksumOf(std::string_view text) {
  return Canonical(XXH3_128bits(text.data(), text.size()));
}

std::string RandomBytes(size_t count) {
  std::string bytes(count, '\0');
  size_t done = 0;
  while (done < count) {
    const ssize_t got = ::getrandom(bytes.data() + done, count - done, 0);
    if (got < 0 && errno != EINTR) {
      throw Error(ErrorCode::kStorage, std::string("Cannot get random bytes: ") + std::strerror(errno));
    }
    done += got > 0 ? static_cast<size_t>(got) : 0;
  }
  return bytes;
}

std::string ToHex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    hex.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    hex.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return hex;
}

void AppendBigEndian(std::string& out, uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}

uint64_t ReadBigEndian(std::string_view eight_bytes) {
  uint64_t value = 0;
  for (const char c : eight_bytes.substr(0, 8)) {
    value = value << 8 | static_cast<unsigned char>(c);
  }
  return value;
}

}  // namespace trolley
