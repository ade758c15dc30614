#ifndef TROLLEY_DICOM_DICOM_JSON_H_
#define TROLLEY_DICOM_DICOM_JSON_H_

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "trolley/attributes.h"

namespace trolley {

// Reads a DICOM JSON model response (PS3.18 2024d §F.2): an array of data sets, a single data set, or nothing but white
// space (none). Piece by piece, as it arrives; no document is built. Survives what servers really send: numbers as
// strings and strings as numbers, PN as objects or plain strings, missing or null "Value", one value without its array,
// InlineBinary and BulkDataURI (left out), nested sequences (left out), texts of more than 64 KiB (left out), tags in
// either case and any order, an attribute twice (the last counts), unknown members. A "\" inside a value stays as it is
// and reads as a separator later on: the form that Attributes keep has no other way.
// Throws kProtocol, "Cannot read DICOM JSON: ...", for anything that is not JSON or not an array of data sets (an HTML
// page, a cut response, an error object {"HttpError": ...}: one with members none of which is a tag), for nesting
// deeper than 64 levels and text that is not UTF-8; kTooMany for more than two million data sets.
class DicomJsonReader {
 public:
  using OnRow = std::function<void(Attributes)>;

  // `each` is told of every data set as soon as it is whole; that what follows is well-formed shows only in Finish.
  // What it throws leaves through Read.
  explicit DicomJsonReader(OnRow each);
  ~DicomJsonReader();
  DicomJsonReader(const DicomJsonReader&) = delete;
  DicomJsonReader& operator=(const DicomJsonReader&) = delete;

  void Read(std::string_view piece);
  // There is no more.
  void Finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// A response that is in memory already.
std::vector<Attributes> ParseDicomJson(std::string_view json);

}  // namespace trolley

#endif  // TROLLEY_DICOM_DICOM_JSON_H_
