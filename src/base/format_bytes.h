#ifndef TROLLEY_BASE_FORMAT_BYTES_H_
#define TROLLEY_BASE_FORMAT_BYTES_H_

#include <cstdint>
#include <string>

namespace trolley {

// "512 B", "5.1 GiB", for people.
std::string FormatBytes(uint64_t bytes);

}  // namespace trolley

#endif  // TROLLEY_BASE_FORMAT_BYTES_H_
