class HelloController < ActionController::Base
  def show
    session[:visits] = session.fetch(:visits, 0) + 1
  end
end
