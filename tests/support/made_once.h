#ifndef TROLLEY_TESTS_SUPPORT_MADE_ONCE_H_
#define TROLLEY_TESTS_SUPPORT_MADE_ONCE_H_

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace trolley {

// A directory in the build tree that `make` fills once for all test programs of a build, e.g. with data and a loaded
// Orthanc. The first process that wants it makes it while the others wait. Nobody changes what is in it: a test that
// changes an archive changes a copy. It is made again when the library was built anew or one of `sources` (paths in the
// checkout, of the code that makes it) has changed.
std::filesystem::path MadeOnce(const std::string& name, const std::vector<std::string>& sources,
                               const std::function<void(const std::filesystem::path&)>& make);

// The files of one series in their order: those that `write` made in `directory` earlier, or now.
std::vector<std::filesystem::path> FilesMadeOnce(const std::filesystem::path& directory,
                                                 const std::function<std::vector<std::filesystem::path>()>& write);

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_MADE_ONCE_H_
