// nestp doctor: what works on this machine, what does not, and what would help.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace nestp {

struct Finding {
  std::string subject;
  bool works = false;
  std::string text;  ///< one sentence; with a remedy if it does not work
};

/// Tries everything out; takes some milliseconds.
std::vector<Finding> examine_machine();

/// A line a finding.
std::string findings_text(std::span<const Finding> findings);
/// One object: {"findings": [{"subject": ..., "works": ..., "text": ...}]}.
std::string findings_json(std::span<const Finding> findings);

/// The words behind "nestp doctor"; gives the exit status: 0 if some backend works.
int run_doctor(std::span<const std::string> words);

}  // namespace nestp
