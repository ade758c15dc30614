#include "base/message_digest.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>

#include "trolley/error.h"

namespace trolley {
namespace {

std::string Hex(const unsigned char* bytes, size_t size) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (size_t i = 0; i < size; ++i) {
    out.push_back(kDigits[bytes[i] >> 4U]);
    out.push_back(kDigits[bytes[i] & 15U]);
  }
  return out;
}

const EVP_MD* Find(DigestAlgorithm algorithm) {
  switch (algorithm) {
    case DigestAlgorithm::kMd5:
      return EVP_md5();
    case DigestAlgorithm::kSha1:
      return EVP_sha1();
    case DigestAlgorithm::kSha256:
      return EVP_sha256();
    case DigestAlgorithm::kSha512_256:
      return EVP_sha512_256();
  }
  return nullptr;
}

}  // namespace

std::string HexDigest(DigestAlgorithm algorithm, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, Find(algorithm), nullptr) != 1) {
    throw Error(ErrorCode::kUnsupported, "Cannot compute a digest: OpenSSL does not allow the algorithm here");
  }
  return Hex(digest.data(), size);
}

std::string RandomHex(size_t bytes) {
  std::string random(bytes, '\0');
  auto* const data = reinterpret_cast<unsigned char*>(random.data());
  if (RAND_bytes(data, static_cast<int>(bytes)) != 1) {
    throw Error(ErrorCode::kUnavailable, "Cannot get random bytes from OpenSSL");
  }
  return Hex(data, bytes);
}

}  // namespace trolley
