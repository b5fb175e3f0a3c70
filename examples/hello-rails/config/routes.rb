Rails.application.routes.draw do
  root 'hello#show'
end
