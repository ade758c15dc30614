#ifndef TROLLEYFS_MOUNT_EXIT_CODES_H_
#define TROLLEYFS_MOUNT_EXIT_CODES_H_

namespace trolley {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;

}  // namespace trolley

#endif  // TROLLEYFS_MOUNT_EXIT_CODES_H_
