#include "support/paths.h"

namespace trolley {

const char* const kSourceDirectory = TROLLEY_SOURCE_DIRECTORY;
const char* const kBuildDirectory = TROLLEY_BUILD_DIRECTORY;
const char* const kTrolleyfsProgram = TROLLEY_BUILD_DIRECTORY "/trolleyfs";

}  // namespace trolley
