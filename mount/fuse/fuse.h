#ifndef TROLLEY_MOUNT_FUSE_FUSE_H_
#define TROLLEY_MOUNT_FUSE_FUSE_H_

// libfuse's low-level interface, for .cc files only: the version is chosen in one place.
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 12)
#include <fuse_lowlevel.h>

#endif  // TROLLEY_MOUNT_FUSE_FUSE_H_
