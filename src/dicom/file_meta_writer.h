#ifndef TROLLEY_DICOM_FILE_META_WRITER_H_
#define TROLLEY_DICOM_FILE_META_WRITER_H_

#include <cstddef>
#include <vector>

#include "dicom/file_meta.h"

namespace trolley {

// How this library names itself in files and associations, PS3.7 §D.3.3.2.
inline constexpr char kImplementationClassUid[] = "2.25.98399239594152623361266849018407960343";
inline constexpr char kImplementationVersionName[] = "TROLLEYFS";  // at most 16 characters

// What comes before the data set in a Part-10 file, PS3.10 §7.1: preamble, "DICM" and a File Meta Information of the
// three values of `meta` and our implementation. Equal metas give equal bytes. For data sets that came over an
// association, which carries none.
std::vector<std::byte> Part10Prefix(const FileMeta& meta);

}  // namespace trolley

#endif  // TROLLEY_DICOM_FILE_META_WRITER_H_
