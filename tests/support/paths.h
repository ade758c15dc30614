#ifndef TROLLEY_TESTS_SUPPORT_PATHS_H_
#define TROLLEY_TESTS_SUPPORT_PATHS_H_

namespace trolley {

// Where the checkout and what was built of it lie. Constants of one file rather than macros of all: otherwise a clone
// elsewhere would compile everything anew.
extern const char* const kSourceDirectory;
extern const char* const kBuildDirectory;
extern const char* const kTrolleyfsProgram;

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_PATHS_H_
