#ifndef TROLLEY_VERSION_H_
#define TROLLEY_VERSION_H_

// The version of the library: that of the headers a program is compiled with.
#define TROLLEY_VERSION_MAJOR 0
#define TROLLEY_VERSION_MINOR 1
#define TROLLEY_VERSION_PATCH 0

#endif  // TROLLEY_VERSION_H_
