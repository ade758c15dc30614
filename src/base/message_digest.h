#ifndef TROLLEY_BASE_MESSAGE_DIGEST_H_
#define TROLLEY_BASE_MESSAGE_DIGEST_H_

#include <string>
#include <string_view>

namespace trolley {

// The digests that protocols ask for. For integrity of our own files, see base/checksum.h.
enum class DigestAlgorithm { kMd5, kSha1, kSha256, kSha512_256 };

// In lower-case hexadecimal digits. Throws kUnsupported when the system forbids the algorithm (FIPS and MD5).
std::string HexDigest(DigestAlgorithm algorithm, std::string_view bytes);

// `bytes` random bytes, fit for cryptography, in hexadecimal digits.
std::string RandomHex(size_t bytes);

}  // namespace trolley

#endif  // TROLLEY_BASE_MESSAGE_DIGEST_H_
