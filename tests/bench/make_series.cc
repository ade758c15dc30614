// Writes synthetic series for the benchmarks: make_series DIRECTORY NUMBER INSTANCES ROWS COLUMNS FRAMES SERIES
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "dicom/synthetic.h"

int main(int argc, char** argv) {
  if (argc != 8) {
    std::fprintf(stderr, "usage: %s DIRECTORY NUMBER INSTANCES ROWS COLUMNS FRAMES SERIES\n", argv[0]);
    return 2;
  }
  try {
    trolley::SyntheticInstances spec;
    spec.study_uid = std::string("1.2.826.0.1.3680043.8.498.9.") + argv[2];
    spec.series_uid = spec.study_uid + "." + argv[7];
    spec.series_number = std::atoi(argv[7]);
    spec.patient_id = std::string("BENCH-") + argv[2];
    spec.study_description = std::string("Bench ") + argv[2];
    spec.series_description = "Series";
    spec.instances = std::atoi(argv[3]);
    spec.rows = std::atoi(argv[4]);
    spec.columns = std::atoi(argv[5]);
    spec.frames = std::atoi(argv[6]);
    trolley::WriteSyntheticSeries(spec, argv[1]);
    std::printf("%s %s\n", spec.study_uid.c_str(), spec.series_uid.c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_series: %s\n", error.what());
    return 1;
  }
  return 0;
}
