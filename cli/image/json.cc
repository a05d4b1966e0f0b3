#include "cli/image/json.h"

#include <nlohmann/json.hpp>

namespace nestp {
namespace {

using Value = nlohmann::json;

constexpr std::size_t kMostBytes = std::size_t{16} * 1024 * 1024;

const Value& as_value(const void* value) { return *static_cast<const Value*>(value); }

}  // namespace

Result<Json> Json::parse(std::string_view text) {
  if (text.size() > kMostBytes) return Error{"the JSON document is too big"};
  auto document = std::make_shared<Value>(Value::parse(text, nullptr, false));
  if (document->is_discarded()) return Error{"this is no JSON document"};
  Json json;
  json.value_ = document.get();
  json.whole_ = std::move(document);
  return json;
}

Json Json::operator[](std::string_view key) const {
  Json found;
  if (value_ == nullptr || !as_value(value_).is_object()) return found;
  const auto member = as_value(value_).find(std::string(key));
  if (member == as_value(value_).end() || member->is_null()) return found;
  found.whole_ = whole_;
  found.value_ = &*member;
  return found;
}

Json Json::operator[](std::size_t index) const {
  Json found;
  if (index >= size()) return found;
  found.whole_ = whole_;
  found.value_ = &as_value(value_)[index];
  return found;
}

std::size_t Json::size() const {
  return value_ != nullptr && as_value(value_).is_array() ? as_value(value_).size() : 0;
}

std::string Json::text() const {
  if (value_ == nullptr || !as_value(value_).is_string()) return {};
  return as_value(value_).get<std::string>();
}

std::uint64_t Json::number() const {
  if (value_ == nullptr || !as_value(value_).is_number_unsigned()) return 0;
  return as_value(value_).get<std::uint64_t>();
}

double Json::real() const {
  if (value_ == nullptr || !as_value(value_).is_number()) return 0;
  return as_value(value_).get<double>();
}

std::vector<std::string> Json::texts() const {
  std::vector<std::string> all;
  for (std::size_t index = 0; index < size(); ++index)
    all.push_back((*this)[index].text());
  return all;
}

std::vector<std::string> Json::keys() const {
  std::vector<std::string> all;
  if (value_ == nullptr || !as_value(value_).is_object()) return all;
  for (const auto& member : as_value(value_).items())
    all.push_back(member.key());
  return all;
}

}  // namespace nestp
