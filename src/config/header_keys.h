#ifndef TROLLEY_CONFIG_HEADER_KEYS_H_
#define TROLLEY_CONFIG_HEADER_KEYS_H_

#include <vector>

#include "config/config_table.h"
#include "trolley/config.h"

namespace trolley {

// The table `headers`: NAME = "value" or NAME = { file = ... }, { env = ... }, { credential = ... }.
std::vector<HeaderConfig> ReadHeaders(ConfigTable& table);

}  // namespace trolley

#endif  // TROLLEY_CONFIG_HEADER_KEYS_H_
