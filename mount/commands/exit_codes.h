#ifndef TROLLEY_MOUNT_COMMANDS_EXIT_CODES_H_
#define TROLLEY_MOUNT_COMMANDS_EXIT_CODES_H_

namespace trolley {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_EXIT_CODES_H_
