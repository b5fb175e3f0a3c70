#pragma once

#include <string>

/// The page, made of the template that lies beside the program.
std::string page();
